import { ConnectorError } from '#lib/connector-sdk';

/** Servers, by host and port, that were understood since this process began; the last ones. */
const known = new Set<string>();
const MAX_KNOWN = 1_000;

/** That server answered in its protocol. */
export function understood(server: string): void {
  if (known.has(server)) return;
  known.add(server);
  const [oldest] = known;
  if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
}

/**
 * What it means that an answer can't be read: `unknown`, of a server that was never understood. What comes from another one was damaged on its way: it is
 * asked again soon, and not called something else.
 */
export const unreadable = (server: string, unknown: ConnectorError): ConnectorError =>
  known.has(server) ? new ConnectorError('lost', 'An answer of the server cannot be read.', { cause: unknown }) : unknown;

/** Whether Node found no HTTP in what came. */
export const isGarbled = (error: Error): boolean => String((error as NodeJS.ErrnoException).code).startsWith('HPE_');
