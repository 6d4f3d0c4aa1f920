import { createHash } from 'node:crypto';
import type { TokenState } from '#lib/contracts';
import type { ConfigChange } from '#lib/messaging';
import { problem } from './problem.ts';

/** Who calls, as its token says. */
export interface Caller {
  readonly tokenId: string;
  /** The application the token belongs to; `-` for a token of the whole instance. */
  readonly applicationId: string;
  readonly scopes: readonly string[];
  /** Epoch ms; absent: never. */
  readonly expiresAt?: number;
}

/** Answers a token's state by its hash, null when there is none. May reject: then the token counts as unknown. */
export type AskForToken = (tokenHash: string) => Promise<TokenState | null>;

/** How long an answer of config is used, known token or not, ms: a new token works at once, a revoked one stops within a second. */
const ANSWER_MS = 500;
const MAX_ANSWERS = 10_000;
/** Unknown tokens asked for at one time; beyond, callers are told to come back. */
const MAX_ASKING = 64;
/** Longer than any token of ours. */
const MAX_TOKEN = 512;

export const tokenHashOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Every token and application as CONFIG says, so that checking one asks no other service. A token it doesn't know it asks config for, once. */
export class TokenBook {
  readonly #byHash = new Map<string, TokenState>();
  readonly #hashById = new Map<string, string>();
  readonly #applications = new Set<string>();
  readonly #answers = new Map<string, { readonly state: TokenState | null; readonly until: number }>();
  readonly #asking = new Map<string, Promise<TokenState | null>>();

  constructor(
    private readonly ask: AskForToken,
    private readonly now: () => number,
  ) {}

  /** Takes in a change of kind token or application; others are ignored. */
  apply(change: ConfigChange): void {
    if (change.kind === 'application') {
      if (change.state === null) this.#applications.delete(change.id);
      else this.#applications.add(change.id);
    }
    if (change.kind !== 'token') return;
    const known = this.#hashById.get(change.id);
    if (known !== undefined) this.#byHash.delete(known);
    this.#hashById.delete(change.id);
    if (change.state === null) return;
    const state = change.state as TokenState;
    this.#byHash.set(state.tokenHash, state);
    this.#hashById.set(state.id, state.tokenHash);
    this.#answers.delete(state.tokenHash);
  }

  hasApplication(applicationId: string): boolean {
    return this.#applications.has(applicationId);
  }

  /** The caller behind a token. Throws 401 when there is none, or it is inactive or expired, or its application is gone. */
  async authenticate(token: string | undefined): Promise<Caller> {
    if (token === undefined || token.length === 0) throw problem('Unauthorized', 'A bearer token is required in the Authorization header');
    if (token.length > MAX_TOKEN) throw unknownToken();
    const hash = tokenHashOf(token);
    const known = this.#byHash.get(hash);
    if (known !== undefined) return this.#callerOf(known, known.applicationId === '-' || this.#applications.has(known.applicationId));
    const found = await this.#find(hash);
    if (found === null) throw unknownToken();
    return this.#callerOf(found, true);
  }

  #callerOf(state: TokenState, ownerExists: boolean): Caller {
    if (!ownerExists) throw unknownToken();
    if (state.status !== 'active') throw problem('Unauthorized', 'The token is inactive');
    const expiresAt = state.expirationDate === undefined ? undefined : Date.parse(state.expirationDate);
    if (expiresAt !== undefined && expiresAt <= this.now()) throw problem('Unauthorized', 'The token has expired');
    const caller = { tokenId: state.id, applicationId: state.applicationId, scopes: state.scope };
    return expiresAt === undefined ? caller : { ...caller, expiresAt };
  }

  async #find(hash: string): Promise<TokenState | null> {
    const answer = this.#answers.get(hash);
    if (answer !== undefined && answer.until > this.now()) return answer.state;
    const running = this.#asking.get(hash);
    if (running !== undefined) return await running;
    if (this.#asking.size >= MAX_ASKING) throw problem('Unavailable', 'Too many unknown tokens are being checked; try again');
    const asking = this.#askOnce(hash);
    this.#asking.set(hash, asking);
    return await asking;
  }

  async #askOnce(hash: string): Promise<TokenState | null> {
    let state: TokenState | null;
    try {
      state = await this.ask(hash);
    } catch {
      state = null; // config has no such token or can't be reached: all we know is CONFIG, and it isn't there
    } finally {
      this.#asking.delete(hash);
    }
    this.#answers.delete(hash);
    this.#answers.set(hash, { state, until: this.now() + ANSWER_MS });
    for (const oldest of this.#answers.keys()) {
      if (this.#answers.size <= MAX_ANSWERS) break;
      this.#answers.delete(oldest);
    }
    return state;
  }
}

const unknownToken = () => problem('Unauthorized', 'The token is not valid');
