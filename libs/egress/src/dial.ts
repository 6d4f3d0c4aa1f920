import { lookup } from 'node:dns/promises';
import { type Socket, connect } from 'node:net';
import { canonicalHost } from './address.ts';
import { EgressError, type EgressPolicy, checkAddress, checkHost } from './policy.ts';

export type Resolve = (name: string) => Promise<readonly { address: string; family: number }[]>;

export interface DialOptions {
  readonly signal?: AbortSignal;
  /** For resolving and connecting together; default 10 s. */
  readonly timeoutMs?: number;
  /** The system's resolver unless a test brings its own. */
  readonly resolve?: Resolve;
}

const DEFAULT_TIMEOUT_MS = 10_000;
/** More addresses than this are not tried. */
const MAX_ADDRESSES = 8;

const systemResolve: Resolve = (name) => lookup(name, { all: true, verbatim: true });

/** Ends waiting when the signal aborts; what was waited for is left to finish unseen. */
function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function connectTo(address: string, port: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    // The address is a literal: net resolves nothing, so what was checked is what is dialled.
    const socket = connect({ host: address, port, noDelay: true });
    const settle = (finish: () => void): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('error', onError).off('connect', onConnect);
      finish();
    };
    const onAbort = (): void =>
      settle(() => {
        socket.on('error', () => undefined); // a late error of a socket nobody holds
        socket.destroy();
        reject(signal.reason as Error);
      });
    const onError = (error: Error): void => settle(() => (socket.destroy(), reject(error)));
    const onConnect = (): void => settle(() => resolve(socket));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', onError).on('connect', onConnect);
  });
}

async function addressesOf(policy: EgressPolicy, host: string, resolve: Resolve, signal: AbortSignal): Promise<string[]> {
  const refused = checkHost(policy, host);
  if (refused !== undefined) throw refused;
  const canonical = canonicalHost(host);
  if (canonical === undefined) throw new EgressError('egressForbidden', 'That is not a host name or an IP address.');
  if (canonical.family !== 0) return [canonical.name];
  let found: readonly { address: string }[];
  try {
    found = await orAborted(resolve(canonical.name), signal);
  } catch (cause) {
    if (signal.aborted) throw cause;
    throw new EgressError('egressUnresolved', `${canonical.name} has no address.`, { cause });
  }
  if (found.length === 0) throw new EgressError('egressUnresolved', `${canonical.name} has no address.`);
  // One forbidden address among many is an attempt to be dialled by chance: the name as a whole is refused.
  return found.slice(0, 64).map(({ address }) => {
    const literal = canonicalHost(address);
    if (literal === undefined || literal.family === 0)
      throw new EgressError('egressForbidden', `${canonical.name} resolves to something that is no address.`);
    const issue = checkAddress(policy, literal.name, canonical.name);
    if (issue !== undefined) throw issue;
    return literal.name;
  });
}

/**
 * Connects to a host through the guard: resolves it once, classifies every address, and connects to one of exactly those. Returns a connected plain socket,
 * noDelay set, without an error listener: the caller adds its own at once. Rejects EgressError, the socket's own error (ECONNREFUSED, …), an error with code
 * ETIMEDOUT, or the signal's reason.
 */
export async function dial(policy: EgressPolicy, host: string, port: number, options: DialOptions = {}): Promise<Socket> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new EgressError('egressForbidden', 'A port must be a whole number from 1 to 65535.');
  const { timeoutMs = DEFAULT_TIMEOUT_MS, resolve = systemResolve } = options;
  const deadline = new AbortController();
  const timer = setTimeout(() => {
    deadline.abort(Object.assign(new Error(`${host.slice(0, 100)} did not answer within ${timeoutMs} ms.`), { code: 'ETIMEDOUT' }));
  }, timeoutMs);
  const signal = options.signal === undefined ? deadline.signal : AbortSignal.any([deadline.signal, options.signal]);
  try {
    const addresses = await addressesOf(policy, host, resolve, signal);
    let failure: unknown;
    for (const address of addresses.slice(0, MAX_ADDRESSES)) {
      try {
        return await connectTo(address, port, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        failure = error;
      }
    }
    throw failure;
  } finally {
    clearTimeout(timer);
  }
}
