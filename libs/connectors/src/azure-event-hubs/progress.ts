/** Where one partition can be read on from, behind an event. */
export interface Position {
  readonly offset: string;
  readonly sequenceNumber: number;
  /** When the event was enqueued, epoch ms. */
  readonly at: number;
}

export interface Taken {
  readonly position: Position;
  done: boolean;
}

/** How far the events of a partition are done without a hole, though they are done in any order. */
export class Progress {
  #taken: Taken[] = [];

  /** The next event, in the partition's order. */
  take(position: Position): Taken {
    const taken = { position, done: false };
    this.#taken.push(taken);
    return taken;
  }

  /** That one is done; where all before it are done too, the furthest position so reached. */
  done(taken: Taken): Position | undefined {
    taken.done = true;
    let reached: Position | undefined;
    while (this.#taken[0]?.done === true) reached = this.#taken.shift()?.position;
    return reached;
  }
}
