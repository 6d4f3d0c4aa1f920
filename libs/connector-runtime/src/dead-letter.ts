import type { Cut } from '#lib/connector-sdk';
import type { DeadLetter } from '#lib/contracts';
import { letterOf } from '#lib/messaging';

export interface DeadMessage {
  readonly id: string;
  readonly applicationId: string;
  readonly integrationId: string;
  readonly stage: DeadLetter['stage'];
  readonly reason: string;
  readonly message: string;
  readonly attributes: Record<string, unknown>;
  readonly body: Uint8Array;
  /** Where `body` is only its beginning. */
  readonly cut?: Cut | undefined;
  readonly now: number;
}

/** The dead letter of a message: its metadata, size, hash and first 64 KB. */
export function deadLetterOf(dead: DeadMessage): DeadLetter {
  return {
    id: dead.id,
    time: new Date(dead.now).toISOString(),
    applicationId: dead.applicationId,
    sourceId: dead.integrationId,
    stage: dead.stage,
    reason: dead.reason,
    message: dead.message,
    attributes: dead.attributes,
    ...letterOf(dead.body, dead.cut),
  };
}
