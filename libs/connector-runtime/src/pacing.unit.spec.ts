import { describe, expect, it } from 'vitest';
import { AnsweredSends } from './answered.ts';
import { afterFailure, reconnectDelay } from './backoff.ts';
import type { Clock } from './clock.ts';
import { Holding } from './holding.ts';
import { HostGate } from './host-gate.ts';
import { TokenBucket } from './throttle.ts';
import { TimerWheel } from './wheel.ts';

function aClock(seed = 1) {
  let now = 1_000_000;
  let state = seed;
  const clock: Clock = {
    epoch: () => now,
    monotonic: () => now,
    random: () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647,
  };
  return { clock, pass: (ms: number) => (now += ms) };
}

describe('a token bucket', () => {
  it('lets its burst through, then its rate, over any stretch of time', () => {
    const bucket = new TokenBucket(20, 20, 0);
    const taken: number[] = [];
    for (let now = 0; now < 60_000; now += 5) if (bucket.take(now) === 0) taken.push(now);
    expect(taken.filter((at) => at === 0).length + taken.filter((at) => at > 0 && at < 1).length).toBe(1);
    for (let from = 5_000; from < 45_000; from += 1_000)
      expect(taken.filter((at) => at >= from && at < from + 15_000).length).toBeLessThanOrEqual(20.4 * 15);
    expect(taken.length).toBeGreaterThan(60 * 20);
  });

  it('says how long until the next token, takes none meanwhile, and has no limit at rate 0', () => {
    const bucket = new TokenBucket(10, 1, 0);
    expect([bucket.take(0), bucket.take(0), bucket.take(50), bucket.take(100)]).toEqual([0, 100, 50, 0]);
    bucket.configure(0, 0, 100);
    expect(bucket.take(100)).toBe(0);
  });
});

describe('what follows a failure', () => {
  it('is full jitter up to 25 s when the link is to blame', () => {
    expect([0, 1, 4, 5, 60].map((attempt) => reconnectDelay(attempt, 1))).toEqual([1_000, 2_000, 16_000, 25_000, 25_000]);
    expect(reconnectDelay(9, 0)).toBe(0);
    expect(afterFailure({ code: 'lost', reason: '' }, 3, 0.5)).toEqual({
      state: 'disconnected',
      delayMs: 4_000,
      attempts: 4,
      blamesHost: true,
    });
  });

  it('is a long wait when the user has to change something, and the provider own time when it names one', () => {
    for (const code of ['unauthorized', 'misconfigured'] as const)
      expect(afterFailure({ code, reason: '' }, 7, 0.5)).toEqual({ state: code, delayMs: 300_000, attempts: 0, blamesHost: false });
    expect(afterFailure({ code: 'throttled', reason: '', retryAfterMs: 7_000 }, 0, 0)).toMatchObject({
      state: 'throttled',
      delayMs: 7_000,
    });
  });
});

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

describe('the table of answered sends', () => {
  it('keeps outcomes of what was tried, forgets what was not, and stays bounded', async () => {
    const table = new AnsweredSends();
    let tries = 0;
    const attempt = (verdict: 'succeeded' | 'busy') => (): Promise<{ verdict: typeof verdict }> => {
      tries++;
      return Promise.resolve({ verdict });
    };
    await table.once('a', attempt('succeeded'));
    expect(await table.once('a', attempt('busy'))).toEqual({ verdict: 'succeeded' });
    await table.once('b', attempt('busy'));
    await table.once('b', attempt('succeeded'));
    expect(tries).toBe(3);
    for (let n = 0; n < 5_000; n++) await table.once(`x${n}`, attempt('succeeded'));
    expect(table.size).toBe(2_048);
  });
});

describe('what is held', () => {
  it('is asked to stop at 256 messages or 16 MB, and to go on at half', () => {
    const flow: boolean[] = [];
    const holding = new Holding((held) => flow.push(held));
    for (let n = 0; n < 256; n++) holding.add(1);
    for (let n = 0; n < 128; n++) holding.remove(1);
    holding.add(16 * 1024 * 1024);
    holding.remove(16 * 1024 * 1024);
    expect(flow).toEqual([true, false, true, false]);
  });
});
