import { describe, expect, it } from 'vitest';
import { reconnectDelay } from '../time/backoff.ts';
import { afterFailure } from './failure.ts';

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
