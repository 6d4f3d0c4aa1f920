import { Breaker } from '#lib/breaker';
import { type Connection, ConnectorError, type SendMessage } from '#lib/connector-sdk';
import { type SendReply, type SendRequest, formatPath, issuesOf } from '#lib/contracts';
import { AnsweredSends } from './answered.ts';
import { within } from '../time/deadline.ts';
import type { Shared } from '../shared.ts';
import type { Timer } from '../time/wheel.ts';

/** Sends of one integration under way at once; more are answered `busy`, and the runner asks again. */
const MAX_IN_FLIGHT = 256;
/** The runner waits 5 s for an answer, then takes it that nobody owns the integration: it is told before that what is on its way still. */
const PENDING_MS = 4_500;
/** As long as an HTTP request may take: a device that sleeps, or a broker that has much to do, may need it. What takes longer is `unknown`. */
const SEND_DEADLINE_MS = 30_000;
/** A send behind a drain is given back before that, untried. */
const BEHIND_DRAIN_MS = 4_000;
/** The breaker goes after this long without trouble; the table of ids after longer without a send, as a repeat may come late. */
const IDLE_MS = 60_000;
const FORGET_MS = 600_000;

/** An outcome that speaks against the connection, for the breaker to count. */
class Trouble extends Error {
  constructor(readonly reply: SendReply) {
    super(reply.error?.message ?? reply.verdict);
  }
}

const reply = (verdict: SendReply['verdict'], type: string, message: string): SendReply => ({ verdict, error: { type, message } });

/** What goes out through one integration's connection: each id once, within a deadline, and through a breaker from the first trouble on; made at the first send. */
export class Outputs {
  readonly #shared: Shared;
  readonly #connection: () => Pick<Connection, 'send'> | undefined;
  readonly #forget: () => void;
  readonly #ready: ((request: SendRequest) => Promise<SendReply | undefined>) | undefined;
  readonly #answered = new AnsweredSends();
  #breaker: Breaker | undefined;
  #inFlight = 0;
  #lastSend = 0;
  #lastTrouble = 0;
  #idle: Timer | undefined;
  #drained: Promise<unknown> | undefined;

  /** `forget`: called when nothing was sent for long; drop it then. `ready`: sees to it that there is a connection, else says why not; never rejects. */
  constructor(
    shared: Shared,
    connection: () => Pick<Connection, 'send'> | undefined,
    forget: () => void,
    ready?: (request: SendRequest) => Promise<SendReply | undefined>,
  ) {
    this.#shared = shared;
    this.#connection = connection;
    this.#forget = forget;
    this.#ready = ready;
  }

  /** Never rejects. */
  send(request: SendRequest): Promise<SendReply> {
    // The queue promises at least once: there it may be sent again.
    if (request.asked === true && !this.#answered.knows(request.id) && !this.#shared.definition.capabilities.queue)
      return Promise.resolve(reply('unknown', 'Moved', 'its connector ended while the message was on its way'));
    return within(this.#shared.wheel, PENDING_MS, this.#once(request), () => reply('pending', 'Pending', 'the message is on its way'));
  }

  #once(request: SendRequest): Promise<SendReply> {
    return this.#answered.once(request.id, async () => {
      if (this.#drained !== undefined) {
        const ready = await within(this.#shared.wheel, BEHIND_DRAIN_MS, this.#drained, () => 'late' as const);
        if (ready === 'late') return reply('disconnected', 'Draining', 'messages that were queued before are being sent first');
      }
      const refusal = this.#ready === undefined ? undefined : await this.#ready(request);
      return refusal ?? (await this.#send(request));
    });
  }

  /** Of a queued message, while direct sends wait. One of unknown outcome may be sent again: the queue promises at least once. */
  async sendQueued(request: SendRequest): Promise<SendReply> {
    const outcome = await this.#answered.once(request.id, () => this.#send(request));
    if (outcome.verdict === 'unknown') this.#answered.forget(request.id);
    return outcome;
  }

  /** Direct sends wait until this is done. */
  behind(drain: Promise<unknown>): void {
    this.#drained = drain;
    const open = (): void => {
      if (this.#drained === drain) this.#drained = undefined;
    };
    drain.then(open, open);
  }

  stop(): void {
    this.#idle?.cancel();
    this.#breaker?.close();
    this.#breaker = undefined;
  }

  async #send(request: SendRequest): Promise<SendReply> {
    const connection = this.#connection();
    if (connection === undefined) return reply('disconnected', 'Disconnected', 'the integration is not connected');
    if (connection.send === undefined) return reply('failed', 'NotSupported', 'this type of integration sends nothing');
    if (this.#inFlight >= MAX_IN_FLIGHT) return reply('busy', 'Busy', 'too many messages are on their way already');
    const checked = this.#shared.definition.send?.safeParse(request.options);
    if (checked?.success === false) {
      const [issue] = issuesOf(checked.error);
      return reply(
        'failed',
        'Validation',
        issue === undefined ? 'the options are not valid' : `${formatPath(issue.path)} ${issue.message}`,
      );
    }
    const message: SendMessage = {
      id: request.id,
      payload: Buffer.from(request.payload, request.encoding),
      options: (checked?.data ?? request.options) as Record<string, unknown>,
    };
    this.#inFlight++;
    this.#lastSend = this.#shared.clock.monotonic();
    this.#idle ??= this.#shared.wheel.after(IDLE_MS, () => this.#checkIdle());
    const attempt = (): Promise<SendReply> => this.#tried(connection, message);
    const breaker = this.#breaker;
    try {
      return await (breaker === undefined ? attempt() : breaker.fire(attempt));
    } catch (error) {
      if (!(error instanceof Trouble)) {
        // What may be queued may as well wait: the runner asks again.
        const verdict = this.#shared.definition.capabilities.queue ? 'busy' : 'failed';
        return reply(verdict, 'CircuitOpen', 'sending failed too often just now: nothing is sent for a few seconds');
      }
      this.#lastTrouble = this.#shared.clock.monotonic();
      if (breaker === undefined) (this.#breaker ??= new Breaker()).count(error);
      return error.reply;
    } finally {
      this.#inFlight--;
    }
  }

  /**
   * What the link took with it unacknowledged is sent again, as the protocols of types that queue have it (MQTT's QoS 1): the runner queues it as if it had
   * not been tried. The receiver may see it twice; it is not lost.
   */
  #again(outcome: SendReply): SendReply {
    return this.#shared.definition.capabilities.queue ? { ...outcome, verdict: 'disconnected' } : outcome;
  }

  async #tried(connection: Pick<Connection, 'send'>, message: SendMessage): Promise<SendReply> {
    const late = (): SendReply => reply('unknown', 'Timeout', `no outcome within ${SEND_DEADLINE_MS / 1000} s`);
    let outcome: SendReply;
    try {
      outcome = await within(this.#shared.wheel, SEND_DEADLINE_MS, connection.send?.(message) ?? Promise.resolve(late()), late);
    } catch (error) {
      outcome = refusalOf(error);
    }
    // A link that ended is no trouble of the breaker's: nothing goes through it any more, and the next one is to be used at once.
    if (outcome.verdict === 'unknown' && outcome.error?.type === 'lost') return this.#again(outcome);
    // Nor is failed: it is the provider's word about one message.
    if (outcome.verdict === 'unknown' || outcome.verdict === 'busy') throw new Trouble(outcome);
    return outcome;
  }

  #checkIdle(): void {
    const now = this.#shared.clock.monotonic();
    if (now - this.#lastSend >= FORGET_MS) {
      this.stop();
      this.#forget();
      return;
    }
    if (now - this.#lastTrouble >= IDLE_MS - 20) {
      this.#breaker?.close();
      this.#breaker = undefined;
    }
    this.#idle = this.#shared.wheel.after(IDLE_MS, () => this.#checkIdle());
  }
}

/** A rejected send was not made: `lost` means the link was gone before. */
export function refusalOf(error: unknown): SendReply {
  if (!(error instanceof ConnectorError)) return reply('unknown', 'Failed', 'the send ended in an unexpected error');
  switch (error.code) {
    case 'lost':
      return reply('disconnected', 'Disconnected', error.message);
    case 'throttled':
      return reply('busy', 'Busy', error.message);
    default:
      return reply('failed', error.code, error.message);
  }
}
