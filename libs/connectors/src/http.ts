import type { IncomingHttpHeaders } from 'node:http';

/** The longest that a server's Retry-After is believed: an hour. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** What a Retry-After header asks for, ms from `now` (epoch ms): seconds or a date; undefined where it says nothing that can be read. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\s*\d+\s*$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

export const isCompressed = (headers: IncomingHttpHeaders): boolean => !/^(identity)?$/i.test(headers['content-encoding'] ?? '');

export const basicAuthorization = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Words of a server with every secret in them masked. */
export const withoutSecrets = (text: string, secrets: Iterable<string>): string => {
  let clean = text;
  for (const secret of secrets) if (secret !== '') clean = clean.replaceAll(secret, '***');
  return clean;
};
