import { hash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type ClientRequest, type ClientRequestArgs, type RequestOptions } from 'node:http';
import { isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { dial, type EgressPolicy } from '#lib/egress';
import type { Target } from './target.ts';

/** More than a request may take: the signal ends the dial. */
const DIAL_MS = 60_000;
/** How long a connection is kept for the next request, ms: shorter than usual servers do (the least is 2 s), so that a request seldom meets one that ends. */
const IDLE_MS = 1_000;
/** After this a connection is made anew, ms: its name may lead elsewhere by then. */
const AGE_MS = 60_000;
/** How many are kept: to one place, and in all. */
const KEPT_EACH = 32;
const KEPT = 256;

/** Where a request goes, and how its connection is made. */
export interface Route extends Pick<Target, 'url' | 'clientCertificate'> {
  /** Two applications share no connection. */
  readonly applicationId: string;
  /** PEM; instead of the usual authorities. */
  readonly caCertificate?: string | undefined;
  /** Whether the server's certificate is looked at. */
  readonly verify: boolean;
  /** Ends the dial. */
  readonly signal: AbortSignal;
}

/** A request's options: the agent hands them on to itself. */
export interface RoutedOptions extends RequestOptions {
  readonly route: Route;
}
const routeOf = (options: object | undefined): Route => (options as RoutedOptions).route;

/** The connections of one egress policy: each is dialled through the guard, used for requests of the same route only, and kept for a moment. */
export class Connections extends Agent {
  readonly #made = new WeakMap<Duplex, number>();
  readonly #kept = new Set<Duplex>();

  constructor(
    private readonly policy: EgressPolicy,
    idleMs = IDLE_MS,
  ) {
    super({ keepAlive: true, timeout: idleMs, maxFreeSockets: KEPT_EACH });
  }

  override getName(options?: object): string {
    const { applicationId, url, verify, caCertificate = '', clientCertificate } = routeOf(options);
    const place = `${applicationId} ${url.origin}`;
    if (verify && caCertificate === '' && clientCertificate === undefined) return place;
    // A name may be written to a trace of Node's: no key in clear.
    return `${place} ${hash('sha256', JSON.stringify([verify, caCertificate, clientCertificate]))}`;
  }

  override createConnection(options: ClientRequestArgs, made: (error: Error | null, socket: Duplex) => void): undefined {
    this.#connected(routeOf(options)).then(
      (socket) => {
        this.#made.set(socket, performance.now());
        socket.once('close', () => this.#kept.delete(socket));
        made(null, socket);
      },
      (error: unknown) => made(error as Error, undefined as never),
    );
  }

  override keepSocketAlive(socket: Duplex): boolean {
    if (this.#kept.size >= KEPT || performance.now() - (this.#made.get(socket) ?? 0) > AGE_MS) return false;
    this.#kept.add(socket);
    return super.keepSocketAlive(socket) as unknown as boolean;
  }

  override reuseSocket(socket: Duplex, request: ClientRequest): void {
    this.#kept.delete(socket);
    super.reuseSocket(socket, request);
  }

  async #connected({ url, signal, verify, caCertificate, clientCertificate }: Route): Promise<Socket> {
    const secure = url.protocol === 'https:';
    const port = url.port === '' ? (secure ? 443 : 80) : Number(url.port);
    const socket = await dial(this.policy, url.hostname, port, { signal, timeoutMs: DIAL_MS });
    if (!secure) return socket;
    socket.on('error', () => undefined); // that of the TLS socket above tells
    const host = url.hostname.replace(/^\[|\]$/g, '');
    try {
      const tls = connectTls({
        socket,
        host,
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(caCertificate === undefined ? {} : { ca: caCertificate }),
        ...(clientCertificate === undefined ? {} : { key: clientCertificate.key, cert: clientCertificate.certificate }),
        rejectUnauthorized: verify,
      });
      await once(tls, 'secureConnect', { signal });
      return tls;
    } catch (error) {
      socket.destroy();
      throw error;
    }
  }
}
