import {
  type AppliedRequest,
  appliedSubject,
  IntegrationList,
  IntegrationResponse,
  issuesToApiError,
  type Operation,
  parseQuery,
  partitionOf,
  type RawQuery,
} from '#lib/contracts';
import { type Bus, BusError, type ConfigFollower } from '#lib/messaging';
import type { Logger } from '#lib/platform';
import { admit, type Admitted } from './admit.ts';
import type { ConfigClient } from './config-client.ts';
import { ApiProblem, notFound, problem } from './problem.ts';
import type { Statuses } from './status.ts';
import type { TokenBook } from './token-book.ts';

/** What a call carries beside its path. */
export interface Input {
  readonly query: Readonly<Record<string, unknown>>;
  /** Parsed JSON; undefined: none. */
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

/** Serves an operation from the bus. Throws {@link ApiProblem}. */
export type EdgeHandler = (call: Admitted, input: Input) => Promise<unknown>;

export interface ApiParts {
  readonly tokens: TokenBook;
  readonly config: ConfigClient;
  readonly statuses: Statuses;
  readonly follower: Pick<ConfigFollower, 'reachedEvent'>;
  readonly bus: Pick<Bus, 'request'>;
  /** By operation id. */
  readonly edge: Readonly<Record<string, EdgeHandler>>;
  readonly log: Logger;
}

/** A change that this process (a token, an application) or dispatch (a workflow) must know before its caller does is waited for this long, ms. */
const APPLIED_WITHIN_MS = 2_000;
const FOLLOWED = /^command\.(token|application)\./;
/** A workflow changes with the version that is its default. */
const DISPATCHED = /^command\.(application|integration|workflow|flowVersion)\./;
const MAX_IDEMPOTENCY_KEY = 255;

/** The API without a transport: first {@link enter}, which decides whether the call may be made, then {@link perform}. Both throw {@link ApiProblem}. */
export class Api {
  constructor(private readonly parts: ApiParts) {}

  async enter(operation: Operation, token: string | undefined, params: Readonly<Record<string, string>>): Promise<Admitted> {
    return admit(operation, await this.parts.tokens.authenticate(token), params);
  }

  /** The query parameters of an operation; throws 400 naming the first that is wrong. */
  query(operation: Operation, raw: RawQuery): Readonly<Record<string, unknown>> {
    for (const value of Object.values(raw))
      if (typeof value === 'string' && value.includes('\0')) throw problem('Validation', 'The query must not contain NUL characters');
    if (operation.query === undefined) return {};
    const parsed = parseQuery(operation.query, raw);
    if (!parsed.success) throw new ApiProblem(issuesToApiError(parsed.error));
    return parsed.data;
  }

  async perform(call: Admitted, input: Input): Promise<unknown> {
    const { operation } = call;
    if (operation.kind === 'command') return await this.#decorated(call, await this.#command(call, input));
    if (operation.kind === 'query') return await this.#decorated(call, await this.#query(call, input));
    this.requireApplication(call);
    const handler = this.parts.edge[operation.id];
    if (handler === undefined) throw problem('NotImplemented', `${operation.id} is not served here`);
    try {
      return await handler(call, input);
    } catch (error) {
      if (!(error instanceof BusError)) throw error;
      this.parts.log.warn({ operation: operation.id, err: error }, 'the bus did not serve a call');
      throw problem('Unavailable', 'The bus is not available now; try again', { cause: error });
    }
  }

  /** What the gateway serves itself it serves of applications that exist; for the rest config knows. */
  requireApplication({ applicationId }: Admitted): void {
    if (!this.parts.tokens.hasApplication(applicationId)) throw notFound('The application');
  }

  async #command({ operation, caller, applicationId, id, parentId, instance }: Admitted, input: Input): Promise<unknown> {
    const { idempotencyKey } = input;
    if (idempotencyKey !== undefined && (idempotencyKey.length === 0 || idempotencyKey.length > MAX_IDEMPOTENCY_KEY))
      throw problem('Validation', `Idempotency-Key must have 1 to ${MAX_IDEMPOTENCY_KEY} characters`);
    const { result, position } = await this.parts.config.command(operation.subject, {
      applicationId,
      ...(id === undefined ? {} : { id }),
      ...(parentId === undefined ? {} : { parentId }),
      actor: { type: 'apiToken', id: caller.tokenId },
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      instance,
      scopes: [...caller.scopes],
      params: { ...input.query },
      input: input.body,
    });
    if (position !== undefined && FOLLOWED.test(operation.subject)) await this.#applied(position);
    if (position !== undefined && DISPATCHED.test(operation.subject)) await this.#dispatched(applicationId, position);
    return result;
  }

  /** It is done already: a relay that lags only means that this process knows of it a little later. */
  async #applied(position: number): Promise<void> {
    try {
      await this.parts.follower.reachedEvent(position, APPLIED_WITHIN_MS);
    } catch (error) {
      this.parts.log.warn({ position, err: error }, 'answered a change before it was applied here');
    }
  }

  /** Then the next message is decided by it. Without a dispatch that holds the application the change is done all the same. */
  async #dispatched(applicationId: string, eventPosition: number): Promise<void> {
    const request: AppliedRequest = { eventPosition };
    try {
      await this.parts.bus.request(appliedSubject(partitionOf(applicationId)), Buffer.from(JSON.stringify(request)), APPLIED_WITHIN_MS);
    } catch (error) {
      this.parts.log.debug({ eventPosition, err: error }, 'answered a change before dispatch had applied it');
    }
  }

  async #query({ operation, applicationId, id, parentId }: Admitted, { query }: Input): Promise<unknown> {
    return await this.parts.config.query(operation.subject, {
      applicationId,
      ...(id === undefined ? {} : { id }),
      ...(parentId === undefined ? {} : { parentId }),
      params: { ...query },
    });
  }

  /** Integrations get their status: config keeps what is desired, the bus what is observed. */
  async #decorated({ operation, applicationId }: Admitted, result: unknown): Promise<unknown> {
    if (operation.response === IntegrationResponse) return await this.parts.statuses.join(result as Record<string, unknown>);
    if (operation.response !== IntegrationList) return result;
    const list = result as { readonly items: Record<string, unknown>[] };
    return { ...list, items: await this.parts.statuses.joinAll(applicationId, list.items) };
  }
}
