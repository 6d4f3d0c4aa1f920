import type { Readable } from 'node:stream';
import { ConnectorError, type SendMessage, type SendOutcome } from '#lib/connector-sdk';
import { isUtf8 } from 'node:buffer';
import { withoutSecrets } from '../http.ts';
import type { Dial } from '../socket.ts';
import { functionPath } from './addresses.ts';
import type { Answer } from './answer.ts';
import { type ParticleConfig, ParticleSend } from './config.ts';
import { isThrottled, throttled } from './reasons.ts';
import { type Cloud, type Progress, exchange } from './request.ts';
import { withinMs } from '../within.ts';

/** Calls under way at once, each on a socket of its own; more are refused as `throttled`, and the caller asks again. */
const MAX_CALLS = 32;
/** A device that sleeps keeps the cloud waiting, ms; the runtime's own deadline is shorter, this one frees the socket. */
const CALL_MS = 30_000;
/** Where the cloud says 429 and not until when, ms. */
const PAUSE_MS = 1_000;
const MAX_ANSWER_BYTES = 64 * 1024;
const MAX_WORDS = 200;

const TYPES: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  408: 'Timeout',
};

/** Calls functions of devices. The client library can't be told which socket to use: docs/adr/0009. */
export class FunctionCalls {
  /** Ends what is under way. */
  readonly #underWay = new Set<AbortController>();
  #pausedUntil = 0;
  #pause: ConnectorError | undefined;
  #drained: (() => void) | undefined;

  constructor(
    private readonly cloud: Cloud,
    private readonly config: ParticleConfig,
    private readonly context: Dial,
    /** The token is not accepted any more. */
    private readonly unauthorized: () => void,
  ) {}

  async call({ payload, options }: SendMessage): Promise<SendOutcome> {
    const path = functionPath(this.config, ParticleSend.parse(options));
    if (!isUtf8(payload)) throw new ConnectorError('refused', "A function's argument must be text.");
    const wait = this.#pausedUntil - Date.now();
    if (this.#pause !== undefined && wait > 0) throw new ConnectorError('throttled', this.#pause.message, { retryAfterMs: wait });
    if (this.#underWay.size >= MAX_CALLS) throw new ConnectorError('throttled', `${MAX_CALLS} calls are under way already.`);
    const progress: Progress = { sent: false };
    const ending = new AbortController();
    const timer = setTimeout(() => ending.abort(), CALL_MS);
    this.#underWay.add(ending);
    try {
      return await this.#post(path, Buffer.from(payload).toString('utf8'), ending.signal, progress);
    } catch (error) {
      if (!(error instanceof ConnectorError) || error.code === 'throttled' || !progress.sent) throw error;
      return unknown('The link ended before Particle answered.');
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(ending);
      if (this.#underWay.size === 0) this.#drained?.();
    }
  }

  async #post(path: string, args: string, signal: AbortSignal, progress: Progress): Promise<SendOutcome> {
    const context: Dial = { dial: (host, port) => this.context.dial(host, port), signal };
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json', Connection: 'close' };
    const answer = await exchange(this.cloud, { method: 'POST', path, headers, body: JSON.stringify({ args }) }, context, progress);
    const onAbort = (): void => void answer.body.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (isThrottled(answer)) throw this.#slowDown(answer);
      const outcome = outcomeOf(answer.statusCode, await valueOf(answer.body), this.cloud.accessToken);
      if (answer.statusCode === 401) this.unauthorized();
      return outcome;
    } finally {
      signal.removeEventListener('abort', onAbort);
      answer.body.destroy();
    }
  }

  #slowDown(answer: Answer): ConnectorError {
    const now = Date.now();
    this.#pause = throttled(answer, now);
    this.#pausedUntil = now + (this.#pause.details.retryAfterMs ?? PAUSE_MS);
    return this.#pause;
  }

  /** Resolves once every call has its outcome, after `ms` at the latest. */
  async drain(ms: number): Promise<void> {
    if (this.#underWay.size > 0) await withinMs(ms, new Promise<void>((resolve) => (this.#drained = resolve)));
  }

  end(): void {
    for (const ending of this.#underWay) ending.abort();
  }
}

const unknown = (message: string): SendOutcome => ({ verdict: 'unknown', error: { type: 'lost', message } });

/** Undefined: not JSON, or too long. */
async function valueOf(body: Readable): Promise<Record<string, unknown> | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_ANSWER_BYTES) return undefined;
      chunks.push(chunk as Buffer);
    }
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // its status says what can be said
  }
}

function outcomeOf(status: number, body: Record<string, unknown> | undefined, accessToken: string): SendOutcome {
  const words = body?.['error_description'] ?? body?.['error'];
  const text = typeof words === 'string' ? withoutSecrets(words, [accessToken]).slice(0, MAX_WORDS) : undefined;
  if (status >= 200 && status < 300) {
    if (body === undefined) return unknown('The answer of Particle cannot be read.');
    if (body['ok'] === false) return { verdict: 'failed', error: { type: 'Failed', message: text ?? 'Particle refused the call.' } };
    const { id, last_app = '', connected, return_value } = body;
    return { verdict: 'succeeded', result: { id, last_app, connected, return_value } };
  }
  const message = text ?? `Unexpected server response: ${status}`;
  if (status >= 500) return { verdict: 'unknown', error: { type: 'ServerError', message } };
  return { verdict: 'failed', error: { type: TYPES[status] ?? 'Refused', message } };
}
