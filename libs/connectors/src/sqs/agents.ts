import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type CheckContext, type ConnectionContext, ConnectorError } from '#lib/connector-sdk';
import { type TlsSettings, secure, securedWords } from '../tls.ts';
import type { Target } from './target.ts';

/** A request that never left, as there was no connection to send it over. */
export class NotDialled extends ConnectorError {}

const HANDSHAKE_MS = 5_000;
/** Polls, deletions and an extension at once, and sends. `timeout`: idle ones are closed before the server does, so that no request meets a closing one. */
const AGENT = { keepAlive: true, maxSockets: 64, maxFreeSockets: 10, timeout: 5_000 };

type HandOver = (error: Error | null, stream: Duplex) => void;
type Open = () => Promise<Duplex>;

/** Node's type has no place for a failure without a stream; Node itself looks at the error first. */
function handOver(open: Open, handed: HandOver | undefined): undefined {
  open().then(
    (stream) => handed?.(null, stream),
    (error: unknown) => (handed as ((error: Error) => void) | undefined)?.(error instanceof Error ? error : new Error('no connection')),
  );
}

/** The agent, its connections opened by `open`. */
function opening<A extends HttpAgent | HttpsAgent>(agent: A, open: Open): A {
  agent.createConnection = (_options: unknown, handed?: HandOver): undefined => handOver(open, handed);
  return agent;
}

/** Of a check, TLS is a step. */
export type Dials = Pick<ConnectionContext, 'dial'> & Partial<Pick<CheckContext, 'step'>>;

export interface Agents {
  readonly httpAgent: HttpAgent;
  readonly httpsAgent: HttpsAgent;
  close(): void;
}

/** Agents whose every connection is dialled by the context, to the target, wherever a request says it goes. */
export function dialledAgents(target: Target, context: Dials, tls: TlsSettings = {}): Agents {
  let closed = false;
  const open = async (encrypted: boolean): Promise<Duplex> => {
    const stream = await openStream({ ...target, secure: encrypted }, context, tls);
    if (!closed) return stream;
    stream.destroy();
    throw new NotDialled('lost', 'The connection is closed.');
  };
  const httpAgent = opening(new HttpAgent(AGENT), () => open(false));
  const httpsAgent = opening(new HttpsAgent(AGENT), () => open(true));
  return {
    httpAgent,
    httpsAgent,
    close: () => {
      closed = true;
      httpAgent.destroy();
      httpsAgent.destroy();
    },
  };
}

async function openStream(target: Target, context: Dials, tls: TlsSettings): Promise<Duplex> {
  let socket: Socket;
  try {
    socket = await context.dial(target.host, target.port);
  } catch (error) {
    throw dialFailed(error);
  }
  if (!target.secure) return socket;
  const secured = async (): Promise<Socket> => {
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS);
    try {
      return await secure(socket, target.host, tls);
    } catch (error) {
      socket.destroy();
      throw handshakeFailed(error);
    } finally {
      clearTimeout(timer);
    }
  };
  return context.step === undefined ? await secured() : await context.step('tls', securedWords(tls), secured);
}

function dialFailed(cause: unknown): NotDialled {
  if (cause instanceof ConnectorError) return new NotDialled(cause.code, cause.message, { cause });
  const { code = '', message } = cause as NodeJS.ErrnoException;
  // The guard's own words name the host and what the operator allows; no secret is in them.
  if (code === 'egressForbidden') return new NotDialled('misconfigured', message, { cause });
  return new NotDialled(
    'lost',
    code.startsWith('egress') ? message : `No connection to the queue's server${code === '' ? '' : ` (${code})`}.`,
    {
      cause,
    },
  );
}

function handshakeFailed(cause: unknown): NotDialled {
  if (!(cause instanceof ConnectorError)) return new NotDialled('lost', 'The TLS connection failed.', { cause });
  const code = (cause.details.cause as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (cause.code !== 'misconfigured') return new NotDialled(cause.code, cause.message, { cause });
  // The words of other types name fields that this one doesn't have.
  return new NotDialled(
    'misconfigured',
    `No TLS with the queue's server (${code}): check queueUrl, and that a known authority signed its certificate.`,
    {
      cause,
    },
  );
}
