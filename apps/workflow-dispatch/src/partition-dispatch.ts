import { fault } from '#fault';
import type { TriggeredEvent } from '#lib/contracts';
import { BusError, type Bus, type Fence, type Position, type StoredInbound } from '#lib/messaging';
import { backOff, type Item } from '#lib/partitions';
import type { Catalog } from './catalog.ts';
import { type Books, type Decision, decide } from './decide.ts';
import type { Effect } from './effect.ts';
import { readPredecessor, type StoredFanOut } from './predecessor.ts';

export interface PartitionDispatchOptions {
  readonly partition: number;
  readonly bus: Pick<Bus, 'publishTriggered' | 'list' | 'decodeTriggered'>;
  readonly fence: Fence;
  readonly books: Books;
  readonly catalog: Catalog;
  /** Of CONFIG, as applied. */
  readonly config: { readonly sequence: number; reached(sequence: number, timeoutMs: number): Promise<void> };
  /** Names runs: `<workflow>-<inbound position>-<this>`; the same for as long as INBOUND is. */
  readonly epoch: string;
  /** What predecessors published beyond what they committed. */
  readonly stored: Map<Position, StoredFanOut>;
  readonly committed: () => Position;
  readonly onQuotaReached: (event: StoredInbound) => void;
  readonly onFenced: () => void;
  readonly onError: (error: unknown) => void;
}

interface Work {
  readonly event: StoredInbound;
  readonly item: Item<Effect>;
}

/** Triggers of one inbound event that are not stored yet. */
interface Publication {
  readonly item: Item<Effect>;
  readonly effect: Effect;
  missing: TriggeredEvent[];
  open: number;
}

/** How long a message waits for the configuration its connector had applied, ms; by then the stream it came from is not the one we follow. */
const CONFIG_WAIT_MS = 30_000;

/** Decides and publishes for one partition, in its order and pipelined. After a publish that failed it first looks what is stored, and goes on from there. */
export class PartitionDispatch {
  readonly #ended = new AbortController();
  /** What came while something else had to be settled first. */
  readonly #waiting: Work[] = [];
  #blocked = false;
  #open = 0;
  readonly #failed: Publication[] = [];

  constructor(private readonly options: PartitionDispatchOptions) {}

  handle(event: StoredInbound, item: Item<Effect>): void {
    if (this.#blocked || this.#failed.length > 0) this.#waiting.push({ event, item });
    else if (event.configSequence > this.options.config.sequence) {
      this.#waiting.push({ event, item });
      void this.#awaitConfig(event.configSequence);
    } else this.#dispatch(event, item);
  }

  end(): void {
    this.#ended.abort();
    this.#waiting.length = 0;
  }

  async #awaitConfig(sequence: number): Promise<void> {
    this.#blocked = true;
    try {
      await this.options.config.reached(sequence, CONFIG_WAIT_MS);
    } catch (error) {
      this.options.onError(error);
    }
    this.#blocked = false;
    this.#goOn(sequence);
  }

  /** Takes up what waited; `waited`: a CONFIG sequence that was waited for as long as is useful. */
  #goOn(waited = 0): void {
    while (this.#waiting.length > 0 && !this.#ended.signal.aborted) {
      if (this.#blocked || this.#failed.length > 0) return;
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (next.event.configSequence > Math.max(waited, this.options.config.sequence))
        return void this.#awaitConfig(next.event.configSequence);
      this.#waiting.shift();
      this.#dispatch(next.event, next.item);
    }
  }

  #dispatch(event: StoredInbound, item: Item<Effect>): void {
    const { catalog, books, stored } = this.options;
    const before = stored.get(event.position);
    if (before !== undefined) stored.delete(event.position);
    const decision = decide(event, catalog, books, before?.all);
    if (decision.firstRefused === true) this.options.onQuotaReached(event);
    const workflows = before === undefined ? decision.workflows : decision.workflows.filter((id) => !before.stored.has(id));
    if (workflows.length === 0) return item.done(decision.effect);
    const decidedAt = before?.decidedAt ?? this.options.config.sequence;
    this.#publish({
      item,
      effect: decision.effect,
      missing: workflows.map((workflowId) => this.#triggered(event, workflowId, decision, decidedAt)),
      open: 0,
    });
  }

  #triggered(event: StoredInbound, workflowId: string, { trigger, workflows }: Decision, decidedAt: number): TriggeredEvent {
    const { position, body, ...inbound } = event;
    return {
      id: `${workflowId}-${position.toString(36)}-${this.options.epoch}`,
      applicationId: event.applicationId,
      workflowId,
      triggerType: trigger.type,
      triggerKey: trigger.key,
      inbound,
      inboundSequence: position,
      ...(workflows.length > 1 ? { fanOut: [...workflows] } : {}),
      decidedAt,
      committed: this.options.committed(),
      body,
    };
  }

  #publish(publication: Publication): void {
    const events = publication.missing;
    publication.missing = [];
    publication.open = events.length;
    for (const event of events) {
      this.#open++;
      this.options.bus.publishTriggered(event, this.options.fence).then(
        () => this.#settled(publication),
        (error: unknown) => {
          publication.missing.push(event);
          this.#refused(error);
          this.#settled(publication);
        },
      );
    }
  }

  #settled(publication: Publication): void {
    this.#open--;
    publication.open--;
    if (publication.open === 0) {
      if (publication.missing.length > 0) this.#failed.push(publication);
      else {
        fault('dispatch.afterTriggered');
        publication.item.done(publication.effect);
      }
    }
    if (this.#open === 0 && this.#failed.length > 0 && !this.#blocked) void this.#recover();
  }

  #refused(error: unknown): void {
    if (this.#ended.signal.aborted) return;
    if (error instanceof BusError && error.code === 'fenced') {
      this.end();
      this.options.onFenced();
    } else this.options.onError(error);
  }

  /**
   * A refused publish was not stored, one without an answer may have been: so what is stored is read before the rest is published, one at a time, in order.
   * Messages that were on their way behind a refused one may stand before it.
   */
  async #recover(): Promise<void> {
    this.#blocked = true;
    for (let attempt = 0; this.#failed.length > 0 && (await backOff(attempt, this.#ended.signal)); attempt++) {
      try {
        const { bus, partition, committed, fence } = this.options;
        const stored = await readPredecessor(bus, partition, committed());
        this.#failed.sort((a, b) => a.item.position - b.item.position);
        for (let next = this.#failed[0]; next !== undefined; next = this.#failed[0]) {
          const already = stored.get(next.item.position)?.stored;
          next.missing = next.missing.filter((event) => already?.has(event.workflowId) !== true);
          for (let event = next.missing[0]; event !== undefined; event = next.missing[0]) {
            await bus.publishTriggered(event, fence);
            next.missing.shift();
          }
          this.#failed.shift();
          fault('dispatch.afterTriggered');
          next.item.done(next.effect);
        }
      } catch (error) {
        this.#refused(error);
      }
    }
    this.#blocked = false;
    this.#goOn();
  }
}
