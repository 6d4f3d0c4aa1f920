import type { CompiledNode } from './compile.ts';
import { NodeError } from './errors.ts';
import type { Body, Hit, Outcome, Ports, RunInfo, Step } from './node.ts';
import type { Pace } from './pace.ts';
import type { PayloadSize } from './size.ts';

/** How many nodes a run may visit beyond its loops, and each iteration of a loop beyond the loops in it. */
export const MAX_VISITS = 1_000;

/** Why a walk ended, and at which node: on its way out through the loops around it. */
export class Failure extends Error {
  constructor(
    readonly reason: unknown,
    readonly node: CompiledNode,
    /** As it came to that node. */
    readonly payload: unknown,
  ) {
    super('a node failed', { cause: reason });
  }
}

/** What a run's walks have in common. */
export interface Walking {
  readonly info: RunInfo;
  readonly ports: Ports;
  readonly pace: Pace;
  readonly over: boolean;
  /** Called when it begins to wait for anything. */
  startClock(): void;
}

class Visit implements Step {
  constructor(
    private readonly walk: Walk,
    readonly node: CompiledNode,
    readonly payload: unknown,
    readonly size: PayloadSize,
    /** Where this path stands in the run's fan-outs and iterations: the same in every attempt, however the paths interleave. */
    readonly path: string,
  ) {}
  get run(): RunInfo {
    return this.walk.run.info;
  }
  get ports(): Ports {
    return this.walk.run.ports;
  }
  get over(): boolean {
    return this.walk.over;
  }
  get outputId(): string {
    return `${this.run.id}:${this.node.id}:${this.path}`;
  }
  get body(): Body | undefined {
    const nodes = this.node.outputs[1];
    if (nodes === undefined || nodes.length === 0) return undefined;
    return (index, payload, size) => this.walk.iterate(this.node.id, nodes, payload, size, `${this.path}[${index}]`);
  }
  hit(loopId: string, hit: Hit): void {
    this.walk.cap(loopId, hit);
  }
}

/** Walks paths until all have ended: those of a run, or of one iteration of a loop in it. */
export class Walk {
  /** Visits to make, the next one last. */
  private readonly stack: Visit[] = [];
  private waiting = 0;
  private visits = 0;
  private ended = false;
  private first: Hit | undefined;

  /** `done` is called once, unless the run, or the iteration around this one, is over before. */
  constructor(
    readonly run: Walking,
    private readonly around: { readonly over: boolean },
    private readonly loopId: string | undefined,
    private readonly done: (failure: Failure | undefined, hit: Hit | undefined) => void,
  ) {}

  get over(): boolean {
    return this.ended || this.around.over;
  }

  start(nodes: readonly CompiledNode[], payload: unknown, size: PayloadSize, path: string): void {
    this.fan(nodes, payload, size, path);
    this.go();
  }

  cap(loopId: string, hit: Hit): void {
    if (loopId !== this.loopId) throw new NodeError('InvalidNode', `loopNodeId: this node does not stand in the body of ${loopId}`);
    this.first ??= hit;
  }

  async iterate(
    loopId: string,
    nodes: readonly CompiledNode[],
    payload: unknown,
    size: PayloadSize,
    path: string,
  ): Promise<Hit | undefined> {
    if (this.run.pace.spent) await this.run.pace.rest();
    return await new Promise((resolve, reject) => {
      const walk = new Walk(this.run, this, loopId, (failure, hit) => (failure === undefined ? resolve(hit) : reject(failure)));
      walk.start(nodes, payload, size, path);
    });
  }

  /** Each target gets the payload as it stands. They share it: nobody changes a payload in place. */
  private fan(targets: readonly CompiledNode[], payload: unknown, size: PayloadSize, path: string): void {
    const [only] = targets;
    if (only !== undefined && targets.length === 1) this.stack.push(new Visit(this, only, payload, size, path));
    else
      for (let i = targets.length - 1; i >= 0; i--) {
        const target = targets[i];
        if (target !== undefined) this.stack.push(new Visit(this, target, payload, size.copy(), `${path}.${i}`));
      }
  }

  /** Runs paths in list order until each ends or waits. */
  private go(): void {
    let visit: Visit | undefined;
    while (!this.over && (visit = this.stack.pop()) !== undefined) {
      this.make(visit);
      if (this.stack.length > 0 && this.run.pace.spent) return this.rest();
    }
    if (!this.over && this.waiting === 0) this.end(undefined);
  }

  private make(visit: Visit): void {
    try {
      if (++this.visits > MAX_VISITS) throw new NodeError('TooManyNodes', `the run visits more than ${MAX_VISITS} nodes`);
      const outcome = visit.node.action(visit);
      if (outcome instanceof Promise) this.wait(visit, outcome);
      else this.follow(visit, outcome);
    } catch (error) {
      this.fail(error, visit);
    }
  }

  private follow(visit: Visit, { payload, output, size = visit.size }: Outcome): void {
    const targets = visit.node.outputs[output];
    if (targets !== undefined && targets.length > 0) this.fan(targets, payload, size, visit.path);
  }

  private wait(visit: Visit, outcome: Promise<Outcome>): void {
    this.waiting++;
    this.run.startClock();
    outcome.then(
      (result) => {
        this.waiting--;
        if (this.over) return;
        this.follow(visit, result);
        this.go();
      },
      (error: unknown) => {
        this.waiting--;
        this.fail(error, visit);
      },
    );
  }

  private rest(): void {
    this.waiting++;
    this.run.startClock();
    void this.run.pace.rest().then(() => {
      this.waiting--;
      this.go();
    });
  }

  /** Halts every path. */
  private fail(error: unknown, { node, payload }: Visit): void {
    if (!this.over) this.end(error instanceof Failure ? error : new Failure(error, node, payload));
  }

  private end(failure: Failure | undefined): void {
    this.ended = true;
    this.done(failure, this.first);
  }
}
