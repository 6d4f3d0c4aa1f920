import type { IntegrationState, SendReply, SendThrough } from '#lib/contracts';
import type { z } from 'zod';
import type { HttpAnswer, HttpCall } from './http.ts';
import type { Script, ScriptOutcome } from './sandbox/protocol.ts';
import type { PayloadSize } from './size.ts';
import type { ValidationAnswer } from './validation/protocol.ts';
import type { Validation } from './validation/validator.ts';

/** What a run is about; the same for all its nodes. */
export interface RunInfo {
  /** Stays the same when an interrupted run starts again. */
  readonly id: string;
  readonly applicationId: string;
  readonly flowId: string;
}

/** What runs know of an integration. */
export type KnownIntegration = Pick<IntegrationState, 'id' | 'applicationId' | 'integrationType' | 'enabled'>;

/** A message that a node sends, through an integration or as whoever it says itself. */
export interface Output {
  /** run:node:path, the same in every attempt of the run: what the connector has answered under it is not sent twice. */
  readonly id: string;
  readonly integration: KnownIntegration;
  /** Present where the node authenticates itself: `integration` only says then which connector is asked, and by what id. Secrets may be in clear. */
  readonly through?: SendThrough;
  /** The provider's own fields; validated by the connector against its definition. */
  readonly options: Record<string, unknown>;
  readonly payload: string;
  /** Of the payload when it isn't text. */
  readonly encoding?: 'base64';
}

/** A reply, or `queued`: stored until the integration connects again. */
export type OutputReply = SendReply | { readonly verdict: 'queued'; readonly result?: undefined; readonly error?: undefined };

export interface DebugEntry {
  readonly run: RunInfo;
  readonly nodeId: string;
  readonly nodeType: string;
  readonly level: 'verbose' | 'info' | 'warn' | 'error';
  readonly message: string;
  /** Absent where only a line was written. */
  readonly payload?: unknown;
}

/**
 * What a run keeps on record, so that an attempt after an interruption goes on from there. Ids are those of {@link Step.outputId}; what was sent before a
 * delay is on record with it.
 */
export interface RunRecord {
  /** How long the run took in earlier attempts, ms, as far as its delays tell: its time is not theirs without. */
  readonly spent: number;
  /** Resolves `ms` after the first attempt that came here; never, once the run is over or another process has it. */
  delay(id: string, ms: number): Promise<void>;
  /**
   * Changes what the workflow keeps under a key, in the order asked for: once, whatever attempt comes here; a later one gets the same result. Resolves once that is
   * durable; never, once another process has the run. Rejects what the change throws, and KeptTooMuch.
   */
  change(id: string, kept: Kept, change: KeptChange): Promise<unknown>;
  /** What is kept under a key now, after the changes asked for before. */
  read(kept: Kept): Promise<unknown>;
  /** All values that the workflow keeps, by key. */
  kept(): Promise<Record<string, unknown>>;
}

/** What a workflow keeps from run to run: a value of its author's, or the state of a throttle. */
export interface Kept {
  readonly kind: 'value' | 'throttle';
  readonly key: string;
}

/**
 * Pure, as it may be called again: from what is kept (undefined: nothing) to what is kept next, JSON (undefined: nothing; absent: as it was), and its result, JSON.
 * `until`, epoch ms: it may be forgotten after that.
 */
export type KeptChange = (current: unknown) => { readonly next?: unknown; readonly until?: number; readonly result: unknown };

/** Everything a run touches outside itself. */
export interface Ports {
  /** Of a run that has a node that says {@link NodeType.recorded}. */
  readonly record?: RunRecord;
  /** Never rejects for a reason that concerns the message: that is a verdict. */
  send(output: Output): Promise<OutputReply>;
  integration(applicationId: string, integrationId: string): KnownIntegration | undefined;
  /** Rejects HttpFailure when there is no answer, NodeError when the request can't be made. */
  http(call: HttpCall): Promise<HttpAnswer>;
  runScript(script: Script): Promise<ScriptOutcome>;
  /** Never rejects for what schema and value are. */
  validate(validation: Validation): Promise<ValidationAnswer>;
  /** Must be quick and must not throw: it is called in the middle of a run. */
  debug(entry: DebugEntry): void;
  /** Epoch ms. */
  now(): number;
}

/** One visit of a node. */
export interface Step {
  /** As the path brings it here. Never changed in place: other paths share it. */
  readonly payload: unknown;
  /** Account for what the node adds to the payload. */
  readonly size: PayloadSize;
  readonly run: RunInfo;
  readonly node: { readonly id: string; readonly type: string };
  readonly ports: Ports;
  /** An id for what this visit sends: run:node:path. */
  readonly outputId: string;
  /** Of a loop: runs what output 1 leads to, once. Undefined: it leads nowhere. */
  readonly body: Body | undefined;
  /** Of a cap: the iteration of that loop has come to it. Only the first counts. Throws InvalidNode where this is no iteration of it. */
  hit(loopId: string, hit: Hit): void;
  /** The run has ended meanwhile (another path threw, or its time is over): what this visit still does is for nothing. */
  readonly over: boolean;
}

/** The end that an iteration of a loop came to. */
export interface Hit {
  /** As the path brought it there, and its size. */
  readonly payload: unknown;
  readonly size: PayloadSize;
  readonly mapValuePath: string;
  readonly shouldBreak: boolean;
}

/**
 * One iteration; `index` keeps apart what different ones send. Resolves when all its paths have ended, with the first cap they came to; never, once the run is
 * over. Rejects with what was thrown in it, which the loop passes on as it is: it says at which node.
 */
export type Body = (index: number, payload: unknown, size: PayloadSize) => Promise<Hit | undefined>;

/** How a visit ends: the payload goes on along one output. An output without targets ends the path. */
export interface Outcome {
  readonly payload: unknown;
  readonly output: number;
  /** Where the payload isn't what the step came with and was put to; else the step's own. */
  readonly size?: PayloadSize;
}

/** Runs at each visit. Throws to end the run; a promise makes the path wait while the run's other paths go on. */
export type NodeAction = (step: Step) => Outcome | Promise<Outcome>;

/** A node type. Its file is all there is of it, beside one line in the registry. */
export interface NodeType<C = unknown> {
  readonly type: string;
  /** The node's `config`; unknown fields are the author's own. Checked once per version of a workflow. */
  readonly config: z.ZodType<C>;
  /** Its runs keep a record of what a later attempt must not do again. */
  readonly recorded?: true;
  /** Called once per version, with a config that passed and the node's `meta`; throws {@link NodeError} naming the field for what a schema can't say. */
  action(config: C, meta: Readonly<Record<string, unknown>>): NodeAction;
}
