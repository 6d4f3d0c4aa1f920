import { fault } from '#fault';
import type { TriggeredEvent } from '#lib/contracts';
import { BusError, type Bus, type Fence, type Position, type StoredInbound } from '#lib/messaging';
import { backOff, type Item, type Poison } from '#lib/partitions';
import type { Catalog } from './catalog.ts';
import { bury, unusable } from './dead-letters.ts';
import { type Books, type Decided, type Decision, decide, decidePoison, type Undecidable, undeliverable } from './decide.ts';
import type { Effect } from './effect.ts';
import { type FanOuts, readFanOuts, type StoredFanOut } from './predecessor.ts';
import { Settled } from './settled.ts';

export interface PartitionDispatchOptions {
  readonly partition: number;
  readonly bus: Pick<Bus, 'publishTriggered' | 'publishDeadLetter' | 'publishActivity' | 'list' | 'decodeTriggered' | 'streamInfo'>;
  readonly fence: Fence;
  /** Writes the fence of this hold anew. */
  readonly renewFence: () => Promise<Fence>;
  readonly books: Books;
  readonly catalog: Catalog;
  /** Of CONFIG, as applied. */
  readonly config: { readonly sequence: number; reached(sequence: number, timeoutMs: number): Promise<void> };
  /** Names runs: `<workflow>-<inbound position>-<this>`; the same for as long as INBOUND is. */
  readonly epoch: string;
  /** What predecessors published beyond what they committed, and what of that is on record. */
  readonly stored: Map<Position, StoredFanOut & Decided>;
  readonly recorded: FanOuts;
  /** Puts on record what is stored by now, in place of what was. False: another holder has taken the partition. */
  readonly record: (fanOuts: FanOuts) => Promise<boolean>;
  readonly committed: () => Position;
  readonly onFenced: () => void;
  readonly onError: (error: unknown) => void;
}

/** What came, until its turn. */
interface Work {
  /** Of CONFIG: what its sender had applied. */
  readonly configSequence: number;
  readonly act: () => void;
}

/** Triggers of one inbound event that are not stored yet. */
interface Publication {
  readonly event: StoredInbound;
  readonly item: Item<Effect>;
  readonly effect: Effect;
  missing: TriggeredEvent[];
  open: number;
  tooLarge: boolean;
}

/** How long a message waits for the configuration its connector had applied before CONFIG itself is looked at, ms. */
const CONFIG_WAIT_MS = 5_000;

/** Decides and publishes for one partition, in its order and pipelined. After a publish that failed it first looks what is stored, and goes on from there. */
export class PartitionDispatch {
  readonly #ended = new AbortController();
  /** What came while something else had to be settled first. */
  readonly #waiting: Work[] = [];
  #awaitingConfig = false;
  /** A CONFIG sequence that doesn't exist, so that nobody need wait for it. */
  #unknownConfig = 0;
  #recovering = false;
  #open = 0;
  readonly #failed: Publication[] = [];
  #fence: Fence;
  #recorded: FanOuts;
  readonly #settled: Settled;

  constructor(private readonly options: PartitionDispatchOptions) {
    const { fence, recorded, stored } = options;
    this.#fence = fence;
    this.#recorded = recorded;
    this.#settled = new Settled(fence.sequence, Math.max(0, ...stored.keys()));
  }

  /** Up to here nobody will look for anything in this partition of TRIGGERED; undefined once it is another's. */
  get settledThrough(): Position | undefined {
    return this.#ended.signal.aborted ? undefined : this.#settled.through(this.options.committed());
  }

  handle(event: StoredInbound, item: Item<Effect>): void {
    const reason = unusable(event);
    const act = (): void => {
      if (reason === undefined) this.#dispatch(event, item);
      else this.#bury({ ...event, number: event.number ?? 'none', reason }, item);
    };
    this.#inOrder({ configSequence: event.configSequence, act });
  }

  /** A message that can't be read. */
  handlePoison({ subject, headers, reason, body }: Poison, item: Item<Effect>): void {
    const [, , applicationId = '-', sourceId = '-'] = subject.split('.');
    const type = headers['ce-type'];
    const written = headers['ce-number'];
    const number = written === undefined ? (type === 'message' ? 'none' : 'unknown') : Number(written);
    this.#inOrder({ configSequence: 0, act: () => this.#bury({ applicationId, sourceId, type, number, reason, body }, item) });
  }

  end(): void {
    this.#ended.abort();
    this.#waiting.length = 0;
  }

  #inOrder(work: Work): void {
    this.#waiting.push(work);
    this.#goOn();
  }

  /** Takes up what waits, as far as nothing has to be settled before it. */
  #goOn(): void {
    while (!this.#awaitingConfig && !this.#recovering && this.#failed.length === 0 && !this.#ended.signal.aborted) {
      const next = this.#waiting[0];
      if (next === undefined) return;
      if (next.configSequence > Math.max(this.#unknownConfig, this.options.config.sequence))
        return void this.#awaitConfig(next.configSequence);
      this.#waiting.shift();
      next.act();
    }
  }

  async #awaitConfig(sequence: number): Promise<void> {
    const { config, bus, onError } = this.options;
    this.#awaitingConfig = true;
    while (config.sequence < sequence && this.#unknownConfig < sequence && !this.#ended.signal.aborted) {
      try {
        await config.reached(sequence, CONFIG_WAIT_MS);
      } catch (error) {
        onError(error);
        // A CONFIG that never was as long as that is another one than the sender knew.
        await bus.streamInfo('CONFIG').then(({ end }) => {
          if (end < sequence) this.#unknownConfig = sequence;
        }, onError);
      }
    }
    this.#awaitingConfig = false;
    this.#goOn();
  }

  #dispatch(event: StoredInbound, item: Item<Effect>): void {
    const { catalog, books, stored, config } = this.options;
    const before = stored.get(event.position);
    if (before !== undefined) stored.delete(event.position);
    const decision = decide(event, catalog, books, before);
    const workflows = before === undefined ? decision.workflows : decision.workflows.filter((id) => !before.stored.has(id));
    if (workflows.length === 0) return item.done(decision.effect);
    const decidedAt = before?.decidedAt ?? config.sequence;
    const missing = workflows.map((workflowId) => this.#triggered(event, workflowId, decision, decidedAt));
    this.#settled.begin(event.position, this.options.committed());
    this.#publish({ event, item, effect: decision.effect, missing, open: 0, tooLarge: false });
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
      body,
    };
  }

  #publish(publication: Publication): void {
    const events = publication.missing;
    publication.missing = [];
    publication.open = events.length;
    for (const event of events) {
      this.#open++;
      this.options.bus.publishTriggered(event, this.#fence).then(
        ({ position }) => {
          this.#settled.acknowledge(position);
          this.#answered(publication);
        },
        (error: unknown) => {
          publication.missing.push(event);
          this.#refused(error, publication);
          this.#answered(publication);
        },
      );
    }
  }

  #answered(publication: Publication): void {
    this.#open--;
    publication.open--;
    if (publication.open === 0) {
      if (publication.missing.length === 0 || publication.tooLarge) this.#finish(publication);
      else this.#failed.push(publication);
    }
    if (this.#open === 0 && this.#failed.length > 0 && !this.#recovering) void this.#recover();
  }

  #finish(publication: Publication): void {
    if (publication.tooLarge) return this.#buryTooLarge(publication);
    fault('dispatch.afterTriggered');
    publication.item.done(publication.effect);
  }

  #refused(error: unknown, publication?: Publication): void {
    if (this.#ended.signal.aborted) return;
    const code = error instanceof BusError ? error.code : undefined;
    if (code === 'tooLarge' && publication !== undefined) publication.tooLarge = true;
    else if (code === 'fenced') this.#fenced();
    else this.options.onError(error);
  }

  #fenced(): void {
    this.end();
    this.options.onFenced();
  }

  /**
   * A refused publish was not stored, one without an answer may have been, or may be yet. The fence written anew stands behind whatever was stored and refuses
   * the rest; then what is stored is read before the rest is published, one at a time, in order. Messages that were on their way behind a refused one may
   * stand before it.
   */
  async #recover(): Promise<void> {
    this.#recovering = true;
    const { bus, renewFence } = this.options;
    for (let attempt = 0; this.#failed.length > 0 && (await backOff(attempt, this.#ended.signal)); attempt++) {
      let trying: Publication | undefined;
      try {
        this.#fence = await renewFence();
        this.#settled.acknowledge(this.#fence.sequence);
        const { fanOuts } = await this.#readStored();
        this.#failed.sort((a, b) => a.item.position - b.item.position);
        while ((trying = this.#failed[0]) !== undefined) {
          const already = fanOuts.get(trying.item.position)?.stored;
          trying.missing = trying.missing.filter((event) => already?.has(event.workflowId) !== true);
          for (let event = trying.missing[0]; event !== undefined; event = trying.missing[0]) {
            const { position } = await bus.publishTriggered(event, this.#fence);
            this.#settled.acknowledge(position);
            trying.missing.shift();
            attempt = 0;
          }
          this.#failed.shift();
          this.#finish(trying);
        }
      } catch (error) {
        this.#refused(error, trying);
        if (trying?.tooLarge === true && this.#failed.shift() !== undefined) this.#finish(trying);
        if (error instanceof BusError && error.code === 'full') await this.#makeRoom();
      }
    }
    this.#recovering = false;
    this.#goOn();
  }

  /**
   * All that fills TRIGGERED may be what was made from messages that can't be committed before there is room for the rest. On record it need not stay there: the
   * runner purges what of it has run (docs/adr/0024).
   */
  async #makeRoom(): Promise<void> {
    const { committed, record, onError } = this.options;
    try {
      const { fanOuts, through } = await this.#readStored();
      if (through <= this.#settled.through(committed())) return;
      if (fanOuts.size > 0 && !(await record(fanOuts))) return this.#fenced();
      fault('dispatch.afterRecord');
      this.#recorded = fanOuts;
      this.#settled.record(through);
    } catch (error) {
      onError(error);
    }
  }

  /** What is stored of messages that are not committed. What is settled is one or the other: committed, or on record. */
  #readStored(): ReturnType<typeof readFanOuts> {
    const { bus, partition, committed } = this.options;
    return readFanOuts(bus, partition, { committed: committed(), from: this.#settled.through(committed()), recorded: this.#recorded });
  }

  /** Puts a message that nothing can be done with into the dead letters, and counts it there. */
  #bury(dead: Undecidable & { readonly body: Uint8Array }, item: Item<Effect>): void {
    const { bus, books, epoch, onError } = this.options;
    const effect = decidePoison(dead, books.numbers);
    const { applicationId, sourceId, reason, body } = dead;
    // Made again after a take-over it is the same letter, which the bus then keeps once.
    const id = `${sourceId}-${item.position.toString(36)}-${epoch}`;
    const message = `The stored message can not be read: ${reason}.`;
    const letter = { id, applicationId, sourceId, reason: 'poison', message, attributes: {} };
    void bury(bus, letter, body, { signal: this.#ended.signal, onError }).then((buried) => {
      if (buried) item.done(effect);
    });
  }

  #buryTooLarge({ event, item, effect, missing }: Publication): void {
    const { bus, epoch, onError } = this.options;
    const { applicationId, sourceId, attributes, body } = event;
    const id = `${sourceId}-${item.position.toString(36)}-${epoch}`;
    const message = `The message starts ${effect.triggered} workflows, more than one message can name.`;
    const letter = { id, applicationId, sourceId, reason: 'tooLarge', message, attributes };
    void bury(bus, letter, body, { signal: this.#ended.signal, onError }).then((buried) => {
      if (buried) item.done(undeliverable(effect, missing.length));
    });
  }
}
