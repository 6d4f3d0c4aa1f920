import { describe, expect, it } from 'vitest';
import { aClock } from '../testing/clock.ts';
import { TimerWheel } from './wheel.ts';

describe('a timer wheel', () => {
  it('runs what is due in time, in order, and not what was cancelled', () => {
    const { clock, pass } = aClock();
    const wheel = new TimerWheel(clock, { driven: false });
    const ran: string[] = [];
    wheel.after(100, () => ran.push('b'));
    wheel.after(30, () => ran.push('a'));
    wheel.after(60, () => ran.push('never')).cancel();
    pass(20);
    wheel.advance();
    expect(ran).toEqual([]);
    pass(3_600_000); // a machine that slept
    wheel.advance();
    expect(ran).toEqual(['a', 'b']);
  });
});
