import type { ReceivedMessage } from '#lib/connector-sdk';
import type { InboundEvent, InboundType } from '#lib/contracts';

/** What messages come through: a link. */
export interface Source {
  /** Its provider keeps each until it is acknowledged. */
  readonly redeliverable: boolean;
}

/** What waits in an intake for its turn on the bus. */
export interface Entry {
  readonly kind: InboundType;
  readonly body: Uint8Array;
  readonly attributes: Record<string, unknown>;
  /** When it happened, epoch ms; of a message: when it came. */
  readonly at: number;
  /** Undefined: an event beside the messages. */
  readonly message: ReceivedMessage | undefined;
  /** The link it came through; undefined: an event beside the messages. */
  readonly from: Source | undefined;
  /** The provider keeps it until it is acknowledged. */
  readonly redeliverable: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  /** Made at the first publish, and the same for every repeat. */
  event: InboundEvent | undefined;
  messageId: string;
  /** Order of the first publishes. */
  order: number;
}

export type RecordKind = Exclude<InboundType, 'message' | 'press' | 'timer' | 'flowError'>;

const NOTHING = new Uint8Array(0);
const ignore = (): void => undefined;

export const messageEntry = (
  message: ReceivedMessage,
  from: Source,
  at: number,
  resolve: () => void,
  reject: (error: Error) => void,
): Entry => ({
  kind: 'message',
  body: message.body,
  attributes: message.attributes,
  at,
  message,
  from,
  redeliverable: from.redeliverable && message.droppable !== true,
  resolve,
  reject,
  event: undefined,
  messageId: '',
  order: 0,
});

export const recordEntry = (kind: RecordKind, attributes: Record<string, unknown>, at: number, resolve: () => void = ignore): Entry => ({
  kind,
  body: NOTHING,
  attributes,
  at,
  message: undefined,
  from: undefined,
  redeliverable: false,
  resolve,
  reject: ignore,
  event: undefined,
  messageId: '',
  order: 0,
});
