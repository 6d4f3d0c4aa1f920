import { type ApplicationState, Command, Query, type Reply, TOKEN_LOOKUP_SUBJECT, type TokenState } from '#lib/contracts';
import type { Bus } from '#lib/messaging';
import { tokenHashOf } from '../../apps/gateway/src/api/token-book.ts';

/** What reached config, as it stood on the bus. */
export interface Asked {
  readonly subject: string;
  readonly data: Command & Query;
}

export type Script = (asked: Asked) => Reply | undefined;

const TIME = '2026-01-01T00:00:00.000Z';

export const anApplication = (id: string): ApplicationState => ({
  id,
  name: 'Test',
  globals: [],
  secretGlobals: [],
  limits: { messagesPerSecond: 20, burst: 20, payloads: 0, period: 'month' },
  creationDate: TIME,
  lastUpdated: TIME,
});

export const aToken = (id: string, token: string, over: Partial<TokenState> = {}): TokenState => ({
  id,
  applicationId: '-',
  name: 'Test',
  scope: ['all.Instance'],
  status: 'active',
  tokenHash: tokenHashOf(token),
  creatorId: 'test',
  creatorType: 'user',
  creationDate: TIME,
  lastUpdated: TIME,
  ...over,
});

/** The other side of the gateway's protocol: answers commands and queries as Nest's NATS server does, from a script, and publishes CONFIG. */
export class ScriptedConfig {
  readonly asked: Asked[] = [];
  readonly known = new Map<string, TokenState>();
  #script: Script = () => undefined;
  #position = 0;
  #version = 0;
  #serving: ReturnType<Bus['serve']>[] = [];
  #held: Promise<void> | undefined;
  /** Of each aggregate: its subject's application, and its last position. */
  readonly #last = new Map<string, { readonly applicationId: string; readonly position: number }>();

  private constructor(private readonly bus: Bus) {}

  static start(bus: Bus): ScriptedConfig {
    const config = new ScriptedConfig(bus);
    config.#serving = ['command.>', 'query.>'].map((subject) =>
      bus.serve(subject, (at, body) => config.#answer(at, body), { queue: 'config' }),
    );
    return config;
  }

  /** Answers nothing any more. */
  async stop(): Promise<void> {
    await Promise.all(this.#serving.map((serving) => serving.stop()));
  }

  /** Holds answers back until the promise resolves. */
  hold(until: Promise<void>): void {
    this.#held = until;
  }

  /** Answers what the script answers; otherwise `{ok: true, result: {}}`. */
  answer(script: Script): void {
    this.asked.length = 0;
    this.#script = script;
  }

  get last(): Asked {
    const last = this.asked.at(-1);
    if (last === undefined) throw new Error('nothing was asked');
    return last;
  }

  /** The event position that the next published state gets. */
  get nextPosition(): number {
    return this.#position + 1;
  }

  /** Publishes a state on CONFIG; returns its event position. */
  async publish(kind: 'application' | 'token', id: string, state: ApplicationState | TokenState | null): Promise<number> {
    this.#position += 1;
    this.#version += 1;
    const applicationId =
      kind === 'application' ? id : ((state as TokenState | null)?.applicationId ?? this.#last.get(id)?.applicationId ?? '-');
    const common = { kind, type: '-', applicationId, id, event: 'Changed', epoch: 1, version: this.#version, time: TIME, state };
    const change = { ...common, eventPosition: this.#position, actor: { type: 'system', id: 'test' } };
    const stored = await this.bus.publishConfig(change, { expected: this.#last.get(id)?.position ?? 0 });
    this.#last.set(id, { applicationId, position: stored.position });
    return this.#position;
  }

  async #answer(subject: string, body: Uint8Array): Promise<Uint8Array> {
    const packet = JSON.parse(Buffer.from(body).toString()) as { id: string; data: unknown };
    const data = { ...Query.parse(packet.data), ...(subject.startsWith('command.') ? Command.parse(packet.data) : {}) };
    const asked = { subject, data: data as Command & Query };
    const response = subject === TOKEN_LOOKUP_SUBJECT ? this.#lookup(data) : this.#scripted(asked);
    await this.#held;
    return Buffer.from(JSON.stringify({ id: packet.id, response, isDisposed: true }));
  }

  #scripted(asked: Asked): Reply {
    this.asked.push(asked);
    return this.#script(asked) ?? { ok: true, result: {} };
  }

  #lookup({ params }: Query): Reply {
    const state = this.known.get(String(params['tokenHash']));
    return state === undefined ? { ok: false, error: { type: 'NotFound', message: 'no such token' } } : { ok: true, result: state };
  }
}
