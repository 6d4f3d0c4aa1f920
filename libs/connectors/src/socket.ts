import type { Socket } from 'node:net';
import { type CheckContext, type ConnectionContext, ConnectorError } from '#lib/connector-sdk';
import { type TlsSettings, secure, securedWords } from './tls.ts';

/** Of a check, TLS is a step. */
export type Dial = Pick<ConnectionContext, 'dial' | 'signal'> & Partial<Pick<CheckContext, 'step'>>;

export interface Target {
  readonly host: string;
  readonly port: number;
  /** Absent: no TLS. */
  readonly tls?: TlsSettings | undefined;
}

/** A socket dialled through the context, with TLS spoken where it is wanted. Rejects ConnectorError; aborting the signal ends the attempt. */
export async function openSocket({ host, port, tls }: Target, context: Dial): Promise<Socket> {
  let socket: Socket;
  try {
    socket = await context.dial(host, port);
  } catch (error) {
    throw dialError(error, context.signal);
  }
  if (tls === undefined) return socket;
  const secured = async (): Promise<Socket> => await abortable(socket, context.signal, async () => await secure(socket, host, tls));
  return context.step === undefined ? await secured() : await context.step('tls', securedWords(tls), secured);
}

/** Ends `socket` when the signal aborts during `work`, or `work` fails. */
export async function abortable<T>(socket: Socket, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const onAbort = (): void => void socket.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    return await work();
  } catch (error) {
    socket.destroy();
    throw signal.aborted ? givenUp(error) : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Dials through the first of those who share a connection that doesn't give up meanwhile. Rejects as its dial does. */
export async function dialThroughAny(sharers: Iterable<Dial>, host: string, port: number): Promise<Socket> {
  for (const sharer of sharers) {
    try {
      return await sharer.dial(host, port);
    } catch (error) {
      if (!sharer.signal.aborted) throw error;
    }
  }
  throw givenUp();
}

const givenUp = (cause?: unknown): ConnectorError => new ConnectorError('lost', 'The attempt to connect was given up.', { cause });

function dialError(error: unknown, signal: AbortSignal): ConnectorError {
  if (error instanceof ConnectorError) return error;
  if (signal.aborted) return givenUp(error);
  const { code = '', message } = error as NodeJS.ErrnoException;
  // The guard's own words name the host and what the operator allows; no secret is in them.
  if (code === 'egressForbidden') return new ConnectorError('misconfigured', message, { cause: error });
  const said = code.startsWith('egress') ? message : `No connection to the server${code === '' ? '' : ` (${code})`}.`;
  return new ConnectorError('lost', said, { cause: error });
}
