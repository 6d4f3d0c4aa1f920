import type { Message } from '@aws-sdk/client-sqs';
import { fault } from '#fault';
import { type ConnectionContext, ConnectorError } from '#lib/connector-sdk';
import { receivedMessage } from './message.ts';
import { BATCH, type Queue } from './queue.ts';
import { type Action, reasonOf } from './reasons.ts';
import type { Target } from './target.ts';
import { Visibility } from './visibility.ts';

/** While more messages are on their way to the store, a deletion waits this long for company: requests are paid for. */
const LINGER_MS = 500;
/** Deletions at the same time. In a FIFO queue one: so those of a group go in their order. */
const DELETIONS = 4;

interface Taken {
  readonly receipt: string;
  /** Undefined outside FIFO queues. */
  readonly group: string | undefined;
  stored: boolean;
}

/** Hands messages to the runtime, keeps them hidden while they wait, and deletes each once it is durable; of a FIFO queue's group in their order. */
export class Inbound {
  readonly #queue: Queue;
  readonly #context: ConnectionContext;
  readonly #target: Pick<Target, 'queueUrl' | 'fifo'>;
  readonly #visibility: Visibility;
  readonly #onFailed: (error: ConnectorError) => void;
  /** Handed over and without an outcome. */
  #waiting = 0;
  /** Of each group, in the order they came: those not deleted yet. */
  readonly #groups = new Map<string, Taken[]>();
  #stored: string[] = [];
  #deletions = 0;
  #linger: NodeJS.Timeout | undefined;
  #ended = false;
  #settled: (() => void)[] = [];

  constructor(
    queue: Queue,
    context: ConnectionContext,
    options: {
      readonly target: Pick<Target, 'queueUrl' | 'fifo'>;
      readonly visibilityS: number;
      readonly failed: (error: ConnectorError) => void;
    },
  ) {
    this.#queue = queue;
    this.#context = context;
    this.#target = options.target;
    this.#onFailed = options.failed;
    this.#visibility = new Visibility(queue, context, options.visibilityS, (error) => this.#fail(error, 'sqs:ChangeMessageVisibility'));
  }

  /** Of one answer, in its order. */
  take(messages: readonly Message[]): void {
    const { queueUrl, fifo } = this.#target;
    for (const message of messages) {
      const taken = { receipt: message.ReceiptHandle ?? '', group: fifo ? message.Attributes?.MessageGroupId : undefined, stored: false };
      this.#waiting++;
      this.#visibility.hold(taken.receipt);
      if (taken.group !== undefined) this.#inGroup(taken.group).push(taken);
      this.#context.receive(receivedMessage(message, queueUrl)).then(
        () => this.#onStored(taken),
        (cause: unknown) => this.#onRefused(cause),
      );
    }
  }

  #inGroup(group: string): Taken[] {
    const known = this.#groups.get(group) ?? [];
    this.#groups.set(group, known);
    return known;
  }

  #onStored(taken: Taken): void {
    this.#waiting--;
    taken.stored = true;
    if (taken.group === undefined) this.#stored.push(taken.receipt);
    else {
      const group = this.#inGroup(taken.group);
      while (group[0]?.stored === true) this.#stored.push((group.shift() as Taken).receipt);
      if (group.length === 0) this.#groups.delete(taken.group);
    }
    this.#next();
  }

  /** It stays in the queue, and with it, in a FIFO queue, what came behind it in its group. */
  #onRefused(cause: unknown): void {
    this.#waiting--;
    this.#onFailed(new ConnectorError('lost', 'A message could not be stored.', { cause }));
    this.#next();
  }

  #next(): void {
    if (this.#waiting === 0) this.#delete(1);
    else if (this.#stored.length >= BATCH) this.#delete(BATCH);
    else if (this.#stored.length > 0) this.#linger ??= setTimeout(() => this.#delete(1), LINGER_MS);
    if (this.#idle) for (const settled of this.#settled.splice(0)) settled();
  }

  get #idle(): boolean {
    return this.#ended || (this.#waiting === 0 && this.#stored.length === 0 && this.#deletions === 0);
  }

  /** In batches of `least` or more. */
  #delete(least: number): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    const atOnce = this.#target.fifo ? 1 : DELETIONS;
    while (this.#stored.length >= least && this.#deletions < atOnce && !this.#ended) {
      const batch = this.#stored.splice(0, BATCH);
      this.#deletions++;
      this.#queue.delete(batch).then(
        (kept) => this.#onDeleted(batch, kept),
        (error: unknown) => {
          this.#deletions--;
          this.#fail(error, 'sqs:DeleteMessage');
        },
      );
    }
  }

  #onDeleted(batch: readonly string[], kept: readonly string[]): void {
    this.#deletions--;
    for (const receipt of batch) this.#visibility.letGo(receipt);
    for (let index = kept.length; index < batch.length; index++) fault('connector.afterAck');
    // They come again, are known by their ids, and deleted then.
    if (kept.length > 0) this.#context.log.warn(`SQS did not delete ${kept.length} of ${batch.length} messages: they come again.`);
    this.#next();
  }

  #fail(error: unknown, action: Action): void {
    this.end();
    this.#onFailed(reasonOf(error, action));
  }

  /** Resolves once each message that was handed over has its outcome and, if it is durable, is deleted; or when that failed. */
  async settled(): Promise<void> {
    if (this.#idle) return;
    await new Promise<void>((resolve) => this.#settled.push(resolve));
  }

  /** What was not deleted, these too, others may have at once. Never rejects: if it fails, they may have it when its time is up. */
  async giveBack(messages: readonly Message[] = []): Promise<void> {
    const receipts = [...this.#visibility.end(), ...messages.flatMap(({ ReceiptHandle }) => ReceiptHandle ?? [])];
    try {
      for (let at = 0; at < receipts.length; at += BATCH) await this.#queue.hideFor(0, receipts.slice(at, at + BATCH));
    } catch (error) {
      this.#context.log.warn(`Messages were not given back at once: ${reasonOf(error, 'sqs:ChangeMessageVisibility').message}`);
    }
  }

  /** Nothing is deleted or kept hidden any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#linger);
    this.#visibility.end();
    for (const settled of this.#settled.splice(0)) settled();
  }
}
