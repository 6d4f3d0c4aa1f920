import { type Msg, nuid } from '@nats-io/nats-core';
import { type HeaderBlock, MAX_HEADER_BYTES, statusOf } from './codec/headers.ts';
import { positionOf } from './position.ts';
import type { Ahead, Replies } from './replies.ts';
import { BusError, type Fence, type StoredAt } from './types.ts';
import { headerBlock } from './wire.ts';

/** The largest body, bytes. The server counts the header block into the same bound. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024;
/** How long JetStream may take to acknowledge, ms: a change of leader takes a few seconds. */
const ACK_MS = 10_000;

/** What the server checks before it stores. */
export interface Expectation {
  readonly messageId?: string;
  readonly fence?: Fence;
  /** Last sequence of the subject itself; 0: none. */
  readonly expected?: number;
}

/** One message of a batch. */
export interface Identified {
  readonly subject: string;
  readonly block: HeaderBlock;
  readonly body: Uint8Array;
  readonly messageId: string;
}

/** Pipelined durable publishes: as many outstanding as the caller likes; each settles with the server's own answer. */
export class Publisher {
  readonly #replies: Replies;
  readonly #maxPayload: () => number;

  constructor(replies: Replies, maxPayload: () => number) {
    this.#replies = replies;
    this.#maxPayload = maxPayload;
  }

  async publish(subject: string, block: HeaderBlock, body: Uint8Array, expectation: Expectation = {}): Promise<StoredAt> {
    const { messageId, fence, expected } = expectation;
    if (messageId !== undefined) block.set('Nats-Msg-Id', messageId);
    if (fence !== undefined) expectFence(block, fence);
    if (expected !== undefined) block.number('Nats-Expected-Last-Subject-Sequence', expected);
    const header = this.#fitting(block, body);
    const reply = await this.#replies.call(subject, header, body, ACK_MS, 'unavailable');
    return readAck(reply, fence === undefined ? 'sequence' : 'fenced');
  }

  /** An atomic batch of JetStream's: the fence is looked at once, and the one answer is to the last message. At least one, at most 1,000. */
  async publishBatch(batch: readonly Identified[], fence: Fence): Promise<StoredAt> {
    const id = nuid.next();
    const ready = batch.map(({ subject, block, body, messageId }, index): Ahead => {
      block
        .set('Nats-Msg-Id', messageId)
        .set('Nats-Batch-Id', id)
        .number('Nats-Batch-Sequence', index + 1);
      if (index === 0) expectFence(block, fence);
      if (index === batch.length - 1) block.number('Nats-Batch-Commit', 1);
      return { subject, block: this.#fitting(block, body), body };
    });
    const last = ready.pop() as Ahead;
    const reply = await this.#replies.call(last.subject, last.block, last.body, ACK_MS, 'unavailable', ready);
    return readAck(reply, 'fenced');
  }

  #fitting(block: HeaderBlock, body: Uint8Array): Buffer {
    const header = block.bytes();
    if (header.length > MAX_HEADER_BYTES)
      throw new BusError('tooLarge', `headers of ${header.length} bytes are beyond ${MAX_HEADER_BYTES}`);
    if (body.length > MAX_BODY_BYTES || header.length + body.length > this.#maxPayload())
      throw new BusError('tooLarge', `a message of ${header.length + body.length} bytes is beyond the bus' ${MAX_BODY_BYTES}`);
    return header;
  }
}

function expectFence(block: HeaderBlock, { sequence, subject }: Fence): void {
  block.number('Nats-Expected-Last-Subject-Sequence', sequence).set('Nats-Expected-Last-Subject-Sequence-Subject', subject);
}

const ACK = /^\{"stream":"[^"]+","seq":(\d+)\}$/;

/** Reads JetStream's acknowledgement; the plain one without a JSON parser. */
function readAck(reply: Msg, wrongSequence: 'fenced' | 'sequence'): StoredAt {
  const body = reply.data;
  if (body.length === 0) {
    const { code } = statusOf(headerBlock(reply));
    throw new BusError('unavailable', code === 503 ? 'no JetStream stream takes this subject' : `the bus answered with status ${code}`);
  }
  const text = Buffer.from(body.buffer, body.byteOffset, body.length).toString();
  const plain = ACK.exec(text);
  if (plain !== null) return { position: positionOf(Number(plain[1])), duplicate: false };
  const ack = JSON.parse(text) as { seq?: number; duplicate?: boolean; error?: { err_code?: number; description?: string } };
  if (ack.error !== undefined) throw refusal(ack.error, wrongSequence);
  if (ack.seq === undefined) throw new BusError('unavailable', 'the bus answered with no sequence');
  return { position: positionOf(ack.seq), duplicate: ack.duplicate === true };
}

/** nats-server's error codes (server/errors.json). */
const WRONG_LAST_SEQUENCE = new Set([10_071, 10_164]);
const TOO_LARGE = new Set([10_054, 10_097]);
const DUPLICATE_IN_BATCH = 10_201;
const STORE_FAILED = 10_077;
const OUT_OF_RESOURCES = new Set([10_002, 10_023, 10_028, 10_047]);

function refusal(error: { err_code?: number; description?: string }, wrongSequence: 'fenced' | 'sequence'): BusError {
  const code = error.err_code ?? 0;
  const description = error.description ?? 'no reason given';
  if (WRONG_LAST_SEQUENCE.has(code)) return new BusError(wrongSequence, description);
  if (TOO_LARGE.has(code)) return new BusError('tooLarge', description);
  if (code === DUPLICATE_IN_BATCH) return new BusError('duplicate', description);
  if (OUT_OF_RESOURCES.has(code) || (code === STORE_FAILED && description.includes('maximum'))) return new BusError('full', description);
  return new BusError('unavailable', `${description} (${code})`);
}
