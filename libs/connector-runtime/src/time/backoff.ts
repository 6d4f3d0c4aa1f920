const RECONNECT_CAP_MS = 25_000;
const RECONNECT_BASE_MS = 1_000;

/** Full jitter: random(0, min(25 s, 1 s · 2^n)); n counts from 0. */
export const reconnectDelay = (attempt: number, random: number): number =>
  random * Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** Math.min(attempt, 10));

/** Between tries to send as somebody who was refused: 1 s doubling up to 25 s, half of it jitter; n counts from 0. */
export const guestDelay = (attempt: number, random: number): number =>
  Math.min(RECONNECT_CAP_MS, RECONNECT_BASE_MS * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2);

/** Between tries at the bus: 100 ms doubling up to 2 s, half of it jitter. */
export const busDelay = (attempt: number, random: number): number => Math.min(2_000, 100 * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2);
