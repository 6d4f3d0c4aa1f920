import type { EgressPolicy } from '#lib/egress';
import { NodeError } from '../engine/errors.ts';
import { type HttpAnswer, type HttpCall, HttpFailure } from '../engine/http.ts';
import { Breakers } from './breakers.ts';
import { Connections } from './connections.ts';
import { exchange, type Exchanged } from './exchange.ts';
import { basic, type HttpCredential, mayGo, resolveUri, type Target, withCredential } from './target.ts';
import { RequestTurns } from './turns.ts';

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Of the author's headers, those that another origin is not told. */
const PERSONAL: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** What a request is at one place: redirects change it. */
interface Hop extends Target {
  readonly method: string;
  readonly body?: Uint8Array | undefined;
}

export interface HttpClientOptions {
  readonly egress: EgressPolicy;
  /** The application's http service credential of that name, in clear. Rejects NodeError. */
  readonly credential: (applicationId: string, name: string) => Promise<HttpCredential>;
  /** How long a connection is kept for the next request, ms; default 1 s. */
  readonly idleMs?: number;
}

/** Makes the HTTP requests of workflows. */
export class HttpClient {
  readonly #breakers = new Breakers();
  readonly #turns = new RequestTurns();
  readonly #closing = new AbortController();
  readonly #connections: Connections;

  constructor(private readonly options: HttpClientOptions) {
    this.#connections = new Connections(options.egress, options.idleMs);
  }

  /** Resolves with any answer. Rejects HttpFailure when there is none, NodeError when the request can't be made. */
  async call(call: HttpCall): Promise<HttpAnswer> {
    const leave = await this.#turns.enter(call.applicationId);
    const ended = new AbortController();
    const late = (): void => ended.abort(new HttpFailure('HttpTimeout', `there was no answer within ${call.timeoutMs / 1_000} s`));
    const timer = setTimeout(late, call.timeoutMs);
    try {
      if (call.abandoned()) throw new HttpFailure('Abandoned', 'the run has ended');
      return await this.#follow(call, AbortSignal.any([ended.signal, this.#closing.signal]));
    } catch (error) {
      if (!this.#closing.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
      leave();
    }
    return await new Promise<never>(() => undefined);
  }

  /** Ends every request. Nobody hears of it: the runs are made again by another process, and must not fail here. */
  close(): void {
    this.#closing.abort();
    this.#connections.destroy();
    this.#breakers.close();
  }

  async #follow(call: HttpCall, signal: AbortSignal): Promise<HttpAnswer> {
    const credential = call.auth.kind === 'credential' ? await this.options.credential(call.applicationId, call.auth.name) : undefined;
    const first = resolveUri(call.uri, credential);
    if (credential !== undefined && !mayGo(credential, first))
      throw new NodeError(
        'CredentialMismatch',
        `the credential ${credential.name} is for addresses that begin with ${credential.uriMatch}`,
      );
    const user = userOf(first);
    let hop: Hop = { url: first, headers: call.headers, method: call.method, body: call.body };
    for (let redirects = 0; ; redirects++) {
      const answer = await this.#exchange(call, authenticated(hop, first, call, credential, user), signal);
      const next = call.followRedirects ? nextOf(hop, answer) : undefined;
      if (next === undefined) return { ...answer, uri: first.href };
      if (redirects === MAX_REDIRECTS) throw new HttpFailure('TooManyRedirects', `the server redirects more than ${MAX_REDIRECTS} times`);
      hop = next;
    }
  }

  #exchange({ applicationId, caCertificate, verify }: HttpCall, hop: Hop, signal: AbortSignal): Promise<Exchanged> {
    const { host } = hop.url;
    return this.#breakers.through(applicationId, host, () =>
      exchange(this.#connections, { ...hop, applicationId, caCertificate, verify, signal }),
    );
  }
}

/** Takes user and password out of an address: they are told by a header. */
function userOf(url: URL): string | undefined {
  if (url.username === '' && url.password === '') return undefined;
  const told = basic(decoded(url.username), decoded(url.password));
  url.username = '';
  url.password = '';
  return told;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** What the call's `auth` adds here: a credential wherever it may go, the rest at the origin that was asked for only. */
function authenticated(hop: Hop, first: URL, { auth }: HttpCall, credential: HttpCredential | undefined, user: string | undefined): Hop {
  if (credential !== undefined) return mayGo(credential, hop.url) ? { ...hop, ...withCredential(hop, credential) } : hop;
  if (hop.url.origin !== first.origin) return hop;
  if (auth.kind === 'clientCert') return { ...hop, clientCertificate: auth };
  const told = auth.kind === 'basic' ? basic(auth.username, auth.password) : user;
  return told === undefined ? hop : { ...hop, headers: { ...hop.headers, authorization: told } };
}

/** Where an answer sends the request on to; undefined: nowhere. Throws HttpFailure. */
function nextOf(hop: Hop, { statusCode, headers }: Exchanged): Hop | undefined {
  if (!REDIRECTS.has(statusCode) || headers.location === undefined) return undefined;
  const url = URL.canParse(headers.location, hop.url.href) ? new URL(headers.location, hop.url.href) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    throw new HttpFailure('InvalidRedirect', 'the server redirects to what is no http or https address');
  url.username = '';
  url.password = '';
  const asGet = statusCode === 303 ? hop.method !== 'HEAD' : (statusCode === 301 || statusCode === 302) && hop.method === 'POST';
  const dropped = (name: string): boolean =>
    (url.origin !== hop.url.origin && (PERSONAL.has(name) || name === 'host')) || (asGet && name.startsWith('content-'));
  const kept = Object.fromEntries(Object.entries(hop.headers).filter(([name]) => !dropped(name)));
  return { url, headers: kept, method: asGet ? 'GET' : hop.method, body: asGet ? undefined : hop.body };
}
