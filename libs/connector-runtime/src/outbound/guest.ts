import { type Connection, ConnectorError } from '#lib/connector-sdk';
import type { CredentialState, SendReply, SendRequest, SendThrough } from '#lib/contracts';
import { guestDelay } from '../time/backoff.ts';
import type { Identity } from '../identity.ts';
import { GuestLine } from './guest-line.ts';
import { Outputs, refusalOf } from './outputs.ts';
import { failureOf } from '../connection/failure.ts';
import type { Shared } from '../shared.ts';
import type { Timer } from '../time/wheel.ts';

/** Without a send for this long its connection is closed, ms. */
const IDLE_MS = 60_000;

/** Why nothing is sent for now. */
interface Refused {
  readonly reply: SendReply;
  /** With another one it is tried at once. */
  readonly credential: CredentialState | undefined;
  /** Monotonic ms. */
  readonly until: number;
}

export interface GuestOptions {
  readonly of: Identity;
  /** The credential that has the name now. */
  readonly credential: (name: string) => CredentialState | undefined;
  /** Called when nothing was sent for long; drop it then. */
  readonly forget: () => void;
}

/** What workflows send with a credential of their own, without an integration: opened by a send, shared by all that authenticate alike, closed when idle. */
export class Guest {
  readonly of: Identity;
  readonly #shared: Shared;
  readonly #credential: GuestOptions['credential'];
  readonly #outputs: Outputs;
  readonly #closing = new Set<Promise<void>>();
  #line: GuestLine | undefined;
  #opening: Promise<SendReply | undefined> | undefined;
  #refused: Refused | undefined;
  #attempts = 0;
  #usedAt = 0;
  #idle: Timer | undefined;
  #stopped = false;

  constructor(shared: Shared, { of, credential, forget }: GuestOptions) {
    this.of = of;
    this.#shared = shared;
    this.#credential = credential;
    this.#outputs = new Outputs(
      shared,
      (): Pick<Connection, 'send'> | undefined => this.#line,
      forget,
      (request) => this.#ready(request),
    );
  }

  /** Never rejects. */
  send(request: SendRequest): Promise<SendReply> {
    return this.#outputs.send(request);
  }

  /** Takes no more, and resolves once what is under way has its outcome, or its time is up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#idle?.cancel();
    await this.#opening;
    this.#drop();
    await Promise.all(this.#closing);
    this.#outputs.stop();
  }

  /** Undefined: there is a connection made of what the send says; else why there is none. */
  async #ready({ through = NOTHING }: SendRequest): Promise<SendReply | undefined> {
    this.#usedAt = this.#shared.clock.monotonic();
    const credential = this.#named(through);
    if (this.#line !== undefined && this.#line.credential === credential) return undefined;
    return await (this.#opening ??= this.#open(through, credential).finally(() => (this.#opening = undefined)));
  }

  #named({ credentialName }: SendThrough): CredentialState | undefined {
    return credentialName === undefined ? undefined : this.#credential(credentialName);
  }

  async #open(through: SendThrough, before: CredentialState | undefined): Promise<SendReply | undefined> {
    const refused = this.#refused;
    if (refused !== undefined && refused.credential === before && this.#shared.clock.monotonic() < refused.until) return refused.reply;
    this.#drop();
    // Whoever sends may have heard of a credential a moment before us.
    if (through.credentialName !== undefined) await this.#shared.caughtUp();
    const credential = this.#named(through);
    try {
      const line = await this.#made(through, credential);
      this.#line = line;
      this.#watchIn(IDLE_MS);
      return undefined;
    } catch (error) {
      return this.#refuse(error, credential);
    }
  }

  /** Rejects what speaks against it. */
  async #made(through: SendThrough, credential: CredentialState | undefined): Promise<GuestLine> {
    const { provider, renderer } = this.#shared;
    if (this.#stopped) throw new ConnectorError('lost', 'its connector is stopping');
    if (provider.sender === undefined) throw new ConnectorError('misconfigured', 'this type sends through integrations only');
    const rendered = await renderer.renderThrough(this.of, through, credential);
    if (!rendered.ok) throw new ConnectorError('misconfigured', rendered.reason);
    const line = new GuestLine(this.#shared, credential, {
      worked: () => this.#worked(),
      failed: (error) => this.#failed(line, error),
      doubtful: () => this.#leave(line),
    });
    line.sender = await provider.sender(rendered.config, line.context);
    return line;
  }

  #worked(): void {
    this.#attempts = 0;
    this.#refused = undefined;
  }

  #failed(line: GuestLine, error: Error): void {
    if (line !== this.#line) return;
    this.#drop();
    // One that was fine may end, as servers end idle ones: the next send gets another at once.
    if (!line.proven || failureOf(error).code !== 'lost') this.#refuse(error, line.credential);
  }

  #refuse(error: unknown, credential: CredentialState | undefined): SendReply {
    const { clock } = this.#shared;
    const { code, reason } = failureOf(error);
    const reply = refusalOf(new ConnectorError(code, reason));
    this.#refused = { reply, credential, until: clock.monotonic() + guestDelay(this.#attempts++, clock.random()) };
    return reply;
  }

  /** The next send gets another connection. */
  #leave(line: GuestLine): void {
    if (line === this.#line) this.#drop();
  }

  #drop(): void {
    const line = this.#line;
    if (line === undefined) return;
    this.#line = undefined;
    this.#idle?.cancel();
    const closed = line.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }

  #watchIn(ms: number): void {
    this.#idle?.cancel();
    this.#idle = this.#shared.wheel.after(ms, () => {
      const left = this.#usedAt + IDLE_MS - this.#shared.clock.monotonic();
      if (left <= 0) this.#drop();
      else this.#watchIn(left);
    });
  }
}

const NOTHING: SendThrough = { config: {} };
