import { z } from 'zod';
import { IntegrationState } from './config-state.ts';

/**
 * What crosses the bus besides configuration. CloudEvents 1.0 in binary mode: attributes are NATS headers `ce-…`, percent-encoded; the body is the
 * provider's bytes, untouched. Header values are strings; numbers are decimal.
 */

/** `ce-type` of an inbound event. Only `message` uses quota and carries a running number. */
export const InboundType = z.enum(['message', 'connect', 'disconnect', 'failure', 'gap', 'oversize', 'press', 'timer', 'flowError']);
export type InboundType = z.infer<typeof InboundType>;

/** A stored inbound event, as dispatch reads it. */
export interface InboundEvent {
  type: InboundType;
  /** CloudEvents id. */
  id: string;
  applicationId: string;
  /** The integration, or for `press`, `timer` and `flowError` the workflow. */
  sourceId: string;
  /** The integration type, or `virtualButton`, `timer` or `flowError`. */
  sourceType: string;
  /** When the connector stored it, or a timer was due: ISO 8601. */
  time: string;
  /** Running number of the integration's messages, from 1; absent unless `message`. */
  number?: number;
  /** The CONFIG sequence the sender had applied. */
  configSequence: number;
  /** The provider said this is a redelivery. */
  redelivered?: boolean;
  /** Provider metadata for the run's `data` (JSON object): topic, messageId, …; for `press` {key, …}; for `timer` {key, at (epoch ms)}; for `flowError` {flowClass, errorInfo, erroredPayload, …}; for `gap` {from, to, cause}; `oversize` {size}. */
  attributes: Record<string, unknown>;
  /** The provider's bytes; empty for control events. */
  body: Uint8Array;
}

/** What dispatch stores for each workflow that a message starts. The body is the inbound body. */
export interface TriggeredEvent {
  /** Run id. */
  id: string;
  applicationId: string;
  workflowId: string;
  /** The trigger that matched: type and key as stored in the workflow. */
  triggerType: string;
  triggerKey: string;
  inbound: Omit<InboundEvent, 'body'>;
  /** Sequence in INBOUND of the message it was made from. */
  inboundSequence: number;
  /** Every workflow that this inbound message starts, when more than one: a successor completes a half-published message from it. */
  fanOut?: string[];
  /** CONFIG sequence the decision was made at. */
  decidedAt: number;
  body: Uint8Array;
}

/** How a send ended. `disconnected`: not sent, or lost with the link before it was acknowledged: the runner may queue it. `unknown`: it may or may not have been sent. `pending`: it is on its way: ask again. */
export const SendVerdict = z.enum(['succeeded', 'failed', 'unknown', 'disconnected', 'disabled', 'notFound', 'busy', 'pending']);
export type SendVerdict = z.infer<typeof SendVerdict>;

/**
 * With what a send authenticates that goes through no integration: `config` has fields as an integration's configuration has, rendered; with a name, the service
 * credential of that name goes with them. It may hold secrets in clear: nothing that stores ever gets it.
 */
export const SendThrough = z.object({ credentialName: z.string().optional(), config: z.record(z.string(), z.unknown()) });
export type SendThrough = z.infer<typeof SendThrough>;

/** Request on `send.…`: headers `ce-id` (run:node:ordinal), the rest as a JSON header-free body {@link SendRequest}. */
export const SendRequest = z.object({
  /** run:node:ordinal */
  id: z.string(),
  /** The provider's own fields: for MQTT {topic, qos, retain}. */
  options: z.record(z.string(), z.unknown()),
  /** The payload; `base64` when it is not text. */
  payload: z.string(),
  encoding: z.enum(['utf8', 'base64']).default('utf8'),
  /** ISO 8601; a queued message older than an hour is dead-lettered `expired`. */
  time: z.iso.datetime(),
  /** It was answered `pending`: an owner that doesn't know of it is another one, and mustn't send it. */
  asked: z.literal(true).optional(),
  /** Present where the subject names no integration; its last token is the same then for the same `through` of the same application. */
  through: SendThrough.optional(),
});
export type SendRequest = z.infer<typeof SendRequest>;

/** As `toISOString` writes it. */
const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Reads a {@link SendRequest}; undefined when it is none. Looks at it by hand first: there is one for every message that goes out. */
export function readSendRequest(value: unknown): SendRequest | undefined {
  const { id, payload, encoding, options, time, asked, through } = (value ?? {}) as Record<string, unknown>;
  const plain =
    asked === undefined &&
    through === undefined &&
    typeof id === 'string' &&
    typeof payload === 'string' &&
    (encoding === 'utf8' || encoding === 'base64') &&
    typeof options === 'object' &&
    options !== null &&
    !Array.isArray(options) &&
    typeof time === 'string' &&
    UTC_TIME.test(time) &&
    !Number.isNaN(Date.parse(time));
  return plain ? { id, payload, encoding, options: options as Record<string, unknown>, time } : SendRequest.safeParse(value).data;
}

export const SendReply = z.object({
  verdict: SendVerdict,
  result: z.record(z.string(), z.unknown()).optional(),
  error: z.object({ type: z.string(), message: z.string() }).optional(),
});
export type SendReply = z.infer<typeof SendReply>;

/** Request on `control.…`: `retry` = connect now, whatever the back-off says. */
export const ControlRequest = z.object({ action: z.literal('retry') });
export type ControlRequest = z.infer<typeof ControlRequest>;
export const ControlReply = z.object({ ok: z.boolean(), reason: z.string().optional() });
export type ControlReply = z.infer<typeof ControlReply>;

/** Request on `ask.dispatch.number`: the highest running number of an integration that dispatch has committed (0: none), see docs/adr/0003. */
export const NumberRequest = z.object({ applicationId: z.string(), integrationId: z.string() });
export type NumberRequest = z.infer<typeof NumberRequest>;
export const NumberReply = z.union([z.object({ number: z.number() }), z.object({ error: z.string() })]);
export type NumberReply = z.infer<typeof NumberReply>;

/**
 * Request on `ask.dispatch.applied.<partition>`, answered with nothing once dispatch decides by this event of the configuration, or left without an answer: whoever
 * was told that a workflow is saved may count on it for the next message.
 */
export const AppliedRequest = z.object({ eventPosition: z.number() });
export type AppliedRequest = z.infer<typeof AppliedRequest>;

/** Answer on `ask.dispatch.settled.<partition>`: up to this position of TRIGGERED dispatch will look for nothing of the partition. */
export const SettledReply = z.object({ through: z.number() });
export type SettledReply = z.infer<typeof SettledReply>;

/** Request on `ask.runner.counts`: how the runs ended that messages of an integration started; without integrationId, of the whole application. */
export const RunCountsRequest = z.object({ applicationId: z.string(), integrationId: z.string().optional() });
export type RunCountsRequest = z.infer<typeof RunCountsRequest>;
export const RunCountsReply = z.union([
  z.object({ succeeded: z.number(), failed: z.number(), deadLettered: z.number(), restarted: z.number().default(0) }),
  z.object({ error: z.string() }),
]);
export type RunCountsReply = z.infer<typeof RunCountsReply>;

/** Request on `check.<provider>`: whether this configuration, perhaps of no integration yet, would connect. Its secrets are sealed with the application's key. */
export const CheckRequest = z.object({
  state: IntegrationState,
  /** The answer comes within this, ms. */
  withinMs: z.number().positive(),
});
export type CheckRequest = z.infer<typeof CheckRequest>;

/** Steps of a check, in their order. */
export const CheckStep = z.enum(['resolve', 'address', 'dial', 'tls', 'authenticate', 'authorise']);
export type CheckStep = z.infer<typeof CheckStep>;
/** How one step went; `change`: what to change where it failed. */
export const CheckLine = z.object({ step: CheckStep, ok: z.boolean(), message: z.string(), change: z.string().optional() });
export type CheckLine = z.infer<typeof CheckLine>;
/** `busy`: too many checks run already. */
export const CheckReply = z.union([z.object({ lines: z.array(CheckLine) }), z.object({ busy: z.literal(true) })]);
export type CheckReply = z.infer<typeof CheckReply>;

/** Connection states of an integration. `unknown` is never written: a reader derives it when the holder's heartbeat is too old. */
export const ConnectionState = z.enum([
  'disabled',
  'connecting',
  'connected',
  'disconnected',
  'misconfigured',
  'unauthorized',
  'throttled',
  'unknown',
]);
export type ConnectionState = z.infer<typeof ConnectionState>;

/** Value of key `<applicationId>.<integrationId>` in bucket STATUS; written when it changes, never on a timer. Times are epoch ms. */
export const StatusRecord = z.object({
  state: ConnectionState,
  since: z.number(),
  reason: z.string().optional(),
  evidence: z.object({ kind: z.string(), at: z.number() }).optional(),
  nextAttempt: z.number().optional(),
  appliedVersion: z.number(),
  connectInfo: z.object({ ts: z.number().nullable() }).optional(),
  disconnectInfo: z.object({ ts: z.number().nullable(), error: z.string().optional() }).optional(),
  /** Replica that holds the integration; its heartbeat is `replica.<service>.<holder>` in bucket LEASES. */
  holder: z.string(),
  service: z.string(),
});
export type StatusRecord = z.infer<typeof StatusRecord>;

/** Value of `replica.<service>.<id>` in LEASES. */
export const Heartbeat = z.object({ at: z.number(), partitions: z.number() });
export type Heartbeat = z.infer<typeof Heartbeat>;
/** A holder whose heartbeat is older than this is gone, ms. */
export const LEASE_MS = 10_000;
export const HEARTBEAT_MS = 2_500;

/** Body of a dead letter: why, from where, and what can be replayed. */
export const DeadLetter = z.object({
  id: z.string(),
  time: z.iso.datetime(),
  applicationId: z.string(),
  /** Integration or workflow. */
  sourceId: z.string(),
  stage: z.enum(['inbound', 'dispatch', 'run', 'outbound', 'config']),
  reason: z.string(),
  message: z.string(),
  attributes: z.record(z.string(), z.unknown()),
  size: z.number(),
  sha256: z.string(),
  /** The first 64 KB, base64. */
  body: z.string(),
  truncated: z.boolean(),
  /** The subject and `ce-…` headers to publish again on a replay; absent when it cannot be replayed. */
  replay: z.object({ subject: z.string(), headers: z.record(z.string(), z.string()) }).optional(),
});
export type DeadLetter = z.infer<typeof DeadLetter>;

/** An entry of the ACTIVITY stream, as it goes to viewers. */
export const Activity = z.object({
  kind: z.enum(['status', 'run', 'runError', 'debug', 'message', 'deadLetter', 'quota']),
  id: z.string(),
  applicationId: z.string(),
  time: z.iso.datetime(),
  body: z.record(z.string(), z.unknown()),
});
export type Activity = z.infer<typeof Activity>;

/** What `/integrations/{id}/ledger` answers. received = dispatched + unmatched + rejectedByQuota + disabled + deadLettered + inFlight + unexplained. */
export const Ledger = z.object({
  integrationId: z.string().optional(),
  received: z.number(),
  dispatched: z.number(),
  unmatched: z.number(),
  rejectedByQuota: z.number(),
  disabled: z.number(),
  deadLettered: z.number(),
  inFlight: z.number(),
  unexplained: z.number(),
  beside: z.object({
    /** Messages that came again, as the source said or their ids showed. Those known by their ids are not among the received. */
    redelivered: z.number(),
    /** Starts of runs beyond each one's first: interrupted by a crash, and so perhaps done in part before. */
    restarted: z.number(),
    oversize: z.number(),
    gaps: z.array(z.object({ from: z.iso.datetime(), to: z.iso.datetime(), cause: z.string() })),
  }),
  runs: z.object({
    triggered: z.number(),
    succeeded: z.number(),
    failed: z.number(),
    deadLettered: z.number(),
    inFlight: z.number(),
  }),
});
export type Ledger = z.infer<typeof Ledger>;
