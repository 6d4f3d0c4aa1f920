import type { HttpAnswer, HttpCall, Kept, KeptChange, Output, OutputReply, Ports, RunRecord } from './engine/index.ts';

/** Outcomes of one run that are kept until its next delay writes them down. What is sent beyond is sent again under its id when the run is interrupted. */
const MAX_UNWRITTEN = 10_000;
/** What one run may write of answers to its HTTP requests, characters: beyond, a later attempt makes the request again. */
const MAX_ANSWERS = 256 * 1024;
/** Asking again changes nothing. */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD']);

export interface RecordOptions {
  readonly ports: Ports;
  /** Outcomes that earlier attempts wrote, as JSON, by step. */
  readonly known: ReadonlyMap<string, string>;
  /** Resolves once they are committed; never, when this process has no say any more. */
  readonly write: (steps: readonly (readonly [step: string, outcome: string])[]) => Promise<void>;
  /** Changes what the workflow keeps; `step` undefined: only reads it. */
  readonly change: (step: string | undefined, kept: Kept, change: KeptChange) => Promise<unknown>;
  readonly kept: () => Promise<Record<string, unknown>>;
  /** The run begins to wait in a delay, and waits in none any more: what it takes of others' room is given back meanwhile. */
  readonly onRest: (resting: boolean) => void;
}

interface Wait {
  /** Epoch ms. */
  readonly until: number;
  /** How long the run will have taken by then, ms. */
  readonly ran: number;
}

/** The record of one attempt of a run. */
export class AttemptRecord implements RunRecord {
  readonly spent: number;
  readonly ports: Ports;
  readonly #begun: number;
  readonly #timers = new Set<NodeJS.Timeout>();
  #unwritten: [string, string][] = [];
  #answers = 0;
  #resting = 0;
  #closed = false;

  constructor(private readonly options: RecordOptions) {
    const now = options.ports.now();
    this.spent = Math.max(0, ...waitsOf(options.known).map(({ until, ran }) => ran - Math.max(0, until - now)));
    this.#begun = now - this.spent;
    this.ports = { ...options.ports, send: (output) => this.#send(output), http: (call) => this.#http(call), record: this };
  }

  /** It waits in a delay: it has no place among the runs. */
  get resting(): boolean {
    return this.#resting > 0;
  }

  async delay(id: string, ms: number): Promise<void> {
    const step = nameOf('delay', id);
    const known = this.options.known.get(step);
    const wait = known === undefined ? this.#waitFor(ms) : (JSON.parse(known) as Wait);
    if (known !== undefined && wait.until <= this.options.ports.now()) return;
    if (this.#resting++ === 0) this.options.onRest(true);
    if (known === undefined) await this.#write([step, JSON.stringify(wait)]);
    // A clock that was put back makes no wait longer.
    await this.#sleep(Math.min(ms, wait.until - this.options.ports.now()));
    if (--this.#resting === 0) this.options.onRest(false);
  }

  async change(id: string, kept: Kept, change: KeptChange): Promise<unknown> {
    const step = nameOf('keep', id);
    const known = this.options.known.get(step);
    return known === undefined ? await this.options.change(step, kept, change) : (JSON.parse(known) as unknown);
  }

  read(kept: Kept): Promise<unknown> {
    return this.options.change(undefined, kept, (current) => ({ result: current }));
  }

  kept(): Promise<Record<string, unknown>> {
    return this.options.kept();
  }

  /** The run is over, or another process has it: nothing that waits goes on. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #waitFor(ms: number): Wait {
    const now = this.options.ports.now();
    return { until: now + ms, ran: now - this.#begun + ms };
  }

  #write(step: [string, string]): Promise<void> {
    const steps = [...this.#unwritten, step];
    this.#unwritten = [];
    return this.options.write(steps);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#closed) return;
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        resolve();
      }, ms);
      this.#timers.add(timer);
    });
  }

  async #send(output: Output): Promise<OutputReply> {
    const step = nameOf('send', output.id);
    const known = this.options.known.get(step);
    if (known !== undefined) return JSON.parse(known) as OutputReply;
    const reply = await this.options.ports.send(output);
    if (this.#unwritten.length < MAX_UNWRITTEN) this.#unwritten.push([step, JSON.stringify(reply)]);
    return reply;
  }

  /** The answer is durable before the run goes on with it. */
  async #http(call: HttpCall): Promise<HttpAnswer> {
    const { ports } = this.options;
    if (SAFE.has(call.method)) return await ports.http(call);
    const step = nameOf('http', call.id);
    const known = this.options.known.get(step);
    if (known !== undefined) return readAnswer(known);
    const answer = await ports.http(call);
    const outcome = JSON.stringify({ ...answer, body: answer.body.toString('base64') });
    if (this.#answers + outcome.length > MAX_ANSWERS) return answer;
    this.#answers += outcome.length;
    await this.#write([step, outcome]);
    return answer;
  }
}

function readAnswer(outcome: string): HttpAnswer {
  const answer = JSON.parse(outcome) as Omit<HttpAnswer, 'body'> & { body: string };
  return { ...answer, body: Buffer.from(answer.body, 'base64') };
}

const nameOf = (kind: 'delay' | 'send' | 'keep' | 'http', id: string): string => JSON.stringify([kind, id]);
const DELAY = '["delay",';

const waitsOf = (known: ReadonlyMap<string, string>): Wait[] =>
  [...known].flatMap(([step, outcome]) => (step.startsWith(DELAY) ? [JSON.parse(outcome) as Wait] : []));

/** Whether a run with these outcomes waits at `now`, epoch ms: then nothing that it does can have ended the process. */
export const restsAt = (known: ReadonlyMap<string, string>, now: number): boolean => waitsOf(known).some(({ until }) => until > now);
