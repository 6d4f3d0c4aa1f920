import type { EventHubConsumerClient, ReceivedEventData, Subscription } from '@azure/event-hubs';
import { CLOSE_MS } from './client.ts';
import type { Position } from './progress.ts';
import { withinMs } from '../within.ts';

const BATCH = { maxBatchSize: 32, prefetchCount: 32 };
/** With no event for this long the client looks after its link. */
const WAIT_S = 60;
/** The client grants the server more after each batch, without counting what is still out: after so many the link is made anew, before it is past counting. */
const MAX_BATCHES = 10_000;

export interface ReaderEvents {
  /** Undefined: the next one may be taken; else resolved when it may. */
  turn(): Promise<void> | undefined;
  take(event: ReceivedEventData): void;
  failed(error: unknown): void;
}

/** Of a reader that gives nothing. */
export const NOBODY: ReaderEvents = { turn: () => undefined, take: () => undefined, failed: () => undefined };

/** How often, and how long at the most, an event is waited for to prove that the hub may be read. */
const PROOFS = 2;
const PROOF_WAIT_S = 0.05;

interface Run {
  stopped: boolean;
  subscription?: Subscription;
}

/** Reads one partition in order; stopped and started again, it goes on behind what it gave. */
export class PartitionReader {
  #run: Run | undefined;
  #closed: Promise<void> = Promise.resolve();

  /** `position`: what it reads behind; undefined: from the first event that is kept. `epoch` undefined: as one of several, who take nothing from each other. */
  constructor(
    private readonly consumer: { readonly client: EventHubConsumerClient },
    private readonly partitionId: string,
    private readonly epoch: number | undefined,
    private position: Position | undefined,
    private readonly events: ReaderEvents,
  ) {}

  start(): void {
    const run: Run = { stopped: false };
    this.#run = run;
    // The client waits for ever for a link that was being detached when its connection went.
    void withinMs(CLOSE_MS, this.#closed).then(() => {
      if (!run.stopped) this.#read(run);
    });
  }

  /** Gives no more. Resolves when its link is closed; never rejects. */
  async stop(): Promise<void> {
    const run = this.#run;
    if (run !== undefined) {
      run.stopped = true;
      this.#run = undefined;
      this.#closed = run.subscription?.close().catch(() => undefined) ?? this.#closed;
    }
    await this.#closed;
  }

  #read(run: Run): void {
    let batches = 0;
    const processEvents = async (events: readonly ReceivedEventData[]): Promise<void> => {
      for (const event of events) {
        const turn = this.events.turn();
        if (turn !== undefined) await turn;
        if (run.stopped) return;
        this.position = positionOf(event);
        this.events.take(event);
      }
      if (++batches < MAX_BATCHES || run.stopped) return;
      void this.stop();
      this.start();
    };
    run.subscription = this.#subscribe(WAIT_S, processEvents, (error) => {
      if (!run.stopped) this.events.failed(error);
    });
  }

  /** Resolves once the service let it read, and gives nothing. Rejects with what the client says. */
  async prove(): Promise<void> {
    // The client tells of a link that is refused, but not of one that stands: only that it waited in vain, or not. A link is refused by attaching and
    // detaching it; should the second word come after the first wait, the client attaches it again for the second.
    let subscription: Subscription | undefined;
    let waits = 0;
    try {
      await new Promise<void>((resolve, reject) => {
        const waited = (): Promise<void> => {
          if (++waits === PROOFS) resolve();
          return Promise.resolve();
        };
        subscription = this.#subscribe(PROOF_WAIT_S, waited, reject);
      });
    } finally {
      await subscription?.close();
    }
  }

  #subscribe(
    maxWaitTimeInSeconds: number,
    processEvents: (events: readonly ReceivedEventData[]) => Promise<void>,
    tell: (error: unknown) => void,
  ): Subscription {
    const processError = (error: unknown): Promise<void> => {
      tell(error);
      return Promise.resolve();
    };
    return this.consumer.client.subscribe(
      this.partitionId,
      { processEvents, processError },
      {
        ...BATCH,
        maxWaitTimeInSeconds,
        ...(this.epoch === undefined ? {} : { ownerLevel: this.epoch }),
        skipParsingBodyAsJson: true,
        startPosition: { offset: this.position?.offset ?? '-1' },
      },
    );
  }
}

export const positionOf = ({ offset, sequenceNumber, enqueuedTimeUtc }: ReceivedEventData): Position => ({
  offset,
  sequenceNumber,
  at: enqueuedTimeUtc.getTime(),
});
