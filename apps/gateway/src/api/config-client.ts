import type { ClientProxy } from '@nestjs/microservices';
import type { Logger } from '#lib/platform';
import { type Command, type Query, Reply, TOKEN_LOOKUP_SUBJECT, TokenState } from '#lib/contracts';
import { firstValueFrom, timeout, TimeoutError } from 'rxjs';
import { ApiProblem, problem } from './problem.ts';

export interface Answered {
  readonly result: unknown;
  /** Of the event store: what the command wrote is in CONFIG from here on. */
  readonly position?: number;
}

/** How long config may take, ms. */
const ANSWER_WITHIN_MS = 10_000;
/** A token that isn't known is asked for within this, ms: its caller waits. */
const TOKEN_WITHIN_MS = 2_000;

/** Commands and queries to `config`, over Nest's NATS transport. */
export class ConfigClient {
  constructor(
    private readonly proxy: ClientProxy,
    private readonly log: Logger,
    private readonly withinMs = ANSWER_WITHIN_MS,
  ) {}

  /** Throws the refusal config answers with; 503 at once when nobody answers commands, 503 after 10 s without an answer. */
  async command(subject: string, command: Command): Promise<Answered> {
    return await this.#send(subject, command, this.withinMs, 'It may have been done or not; the same Idempotency-Key makes a repeat safe');
  }

  async query(subject: string, query: Query): Promise<unknown> {
    return (await this.#send(subject, query, this.withinMs, 'Try again')).result;
  }

  async findToken(tokenHash: string): Promise<TokenState | null> {
    const query: Query = { applicationId: '-', params: { tokenHash } };
    const { result } = await this.#send(TOKEN_LOOKUP_SUBJECT, query, TOKEN_WITHIN_MS, 'Try again');
    return result === null ? null : TokenState.parse(result);
  }

  async #send(subject: string, data: object, withinMs: number, advice: string): Promise<Answered> {
    const reply = Reply.safeParse(await this.#exchange(subject, data, withinMs, advice));
    if (!reply.success) {
      this.log.error({ subject }, 'an answer has a form that is not known');
      throw problem('Unavailable', 'The answer could not be understood; try again');
    }
    if (!reply.data.ok) throw new ApiProblem(reply.data.error);
    const { result, position } = reply.data;
    return position === undefined ? { result } : { result, position };
  }

  async #exchange(subject: string, data: object, withinMs: number, advice: string): Promise<unknown> {
    try {
      return await firstValueFrom(this.proxy.send<unknown>(subject, data).pipe(timeout(withinMs)));
    } catch (error) {
      if (error instanceof TimeoutError) {
        this.log.warn({ subject }, 'there was no answer in time');
        throw problem('Unavailable', `There was no answer in time. ${advice}`, { cause: error });
      }
      // No responders, a lost connection, or an error thrown beyond: Nest hands them over as errors, strings or objects.
      this.log.warn({ subject, err: error }, 'the service that answers could not be asked');
      throw problem('Unavailable', 'The service that answers this is not available now; try again', { cause: error });
    }
  }
}
