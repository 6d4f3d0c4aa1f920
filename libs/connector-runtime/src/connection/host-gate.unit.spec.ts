import { describe, expect, it } from 'vitest';
import { aClock } from '../testing/clock.ts';
import { reconnectDelay } from '../time/backoff.ts';
import { TimerWheel } from '../time/wheel.ts';
import { HostGate } from './host-gate.ts';

describe('the gate before a host', () => {
  it('brings a thousand links back within 60 s of a bounce, never more than three times the mean at once', () => {
    const { clock, pass } = aClock();
    const wheel = new TimerWheel(clock, { driven: false });
    const gate = new HostGate(clock, wheel);
    const begin = clock.monotonic();
    const upAt = begin + 10_000;
    const attempts: number[] = [];
    let back = 0;
    let last = 0;
    const lose = (failed: number): void => {
      gate.blame('broker');
      wheel.after(reconnectDelay(failed, clock.random()), () =>
        gate.enter('broker', (entered) => {
          attempts.push(clock.monotonic() - begin);
          const works = clock.monotonic() >= upAt;
          wheel.after(works ? 20 : 1, () => {
            gate.leave(entered);
            if (!works) return lose(failed + 1);
            back++;
            last = clock.monotonic() - upAt;
          });
        }),
      );
    };
    for (let n = 0; n < 1_000; n++) lose(0);
    while (back < 1_000 && clock.monotonic() - begin < 120_000) {
      pass(20);
      wheel.advance();
    }
    expect(back).toBe(1_000);
    expect(last).toBeLessThanOrEqual(60_000);
    const perSecond = new Map<number, number>();
    for (const at of attempts) perSecond.set(Math.floor(at / 1000), (perSecond.get(Math.floor(at / 1000)) ?? 0) + 1);
    const mean = attempts.length / ((last + 10_000) / 1000);
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(3 * mean);
  });

  it('lets a host that answers be reached by many at once, and goes on when one leaves without trying', () => {
    const { clock } = aClock();
    const gate = new HostGate(clock, new TimerWheel(clock, { driven: false }));
    const going: string[] = [];
    const passes = Array.from({ length: 251 }, (_, n) => gate.enter('h', () => going.push(`${n}`)));
    expect(going.length).toBe(250);
    gate.leave(passes[0] as (typeof passes)[number]);
    expect(going.at(-1)).toBe('250');
  });
});
