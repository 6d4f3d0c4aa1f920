import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { HttpFailure } from '../engine/http.ts';
import { Breakers } from './breakers.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const attempt = (breakers: Breakers, host: string, name?: string): Promise<string> =>
  breakers
    .through('a', host, () => (name === undefined ? Promise.resolve('fine') : Promise.reject(new HttpFailure(name, name))))
    .catch((error: unknown) => (error as Error).name);

it('there is a breaker where there was trouble, for a minute after the last', async () => {
  const breakers = new Breakers();
  await attempt(breakers, 'good');
  await attempt(breakers, 'forbidden', 'EgressForbidden');
  await attempt(breakers, 'large', 'ResponseTooLarge');
  expect(breakers.size).toBe(0);
  await attempt(breakers, 'bad', 'HttpConnection');
  vi.advanceTimersByTime(50_000);
  await attempt(breakers, 'bad', 'HttpTimeout');
  vi.advanceTimersByTime(50_000);
  expect(breakers.size).toBe(1);
  vi.advanceTimersByTime(10_000);
  expect(breakers.size).toBe(0);
});

it('a breaker opens by trouble only, and closes again after a while', async () => {
  const breakers = new Breakers();
  await attempt(breakers, 'h', 'HttpConnection');
  for (let n = 0; n < 40; n++) await attempt(breakers, 'h', 'ResponseTooLarge');
  expect(await attempt(breakers, 'h')).toBe('fine');
  for (let n = 0; n < 60; n++) await attempt(breakers, 'h', 'HttpTls');
  expect(await attempt(breakers, 'h')).toBe('CircuitOpen');
  vi.advanceTimersByTime(10_000);
  expect(await attempt(breakers, 'h')).toBe('fine');
  breakers.close();
  expect(breakers.size).toBe(0);
});

it('there are a thousand at most', async () => {
  const breakers = new Breakers();
  for (let n = 0; n < 1_010; n++) await attempt(breakers, `h${n}`, 'HttpConnection');
  expect(breakers.size).toBe(1_000);
  breakers.close();
});
