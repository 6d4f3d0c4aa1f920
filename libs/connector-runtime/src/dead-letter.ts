import { createHash } from 'node:crypto';
import type { Cut } from '#lib/connector-sdk';
import type { DeadLetter } from '#lib/contracts';

/** Of a dead letter's body this much is kept (DESIGN §3.2). */
const KEPT_BYTES = 65_536;

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
    size: dead.cut?.bytes ?? dead.body.length,
    sha256: dead.cut?.sha256 ?? createHash('sha256').update(dead.body).digest('hex'),
    body: Buffer.from(dead.body.subarray(0, KEPT_BYTES)).toString('base64'),
    truncated: dead.cut !== undefined || dead.body.length > KEPT_BYTES,
  };
}
