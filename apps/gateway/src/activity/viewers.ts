import type { Activity } from '#lib/contracts';
import type { Caller } from '../api/token-book.ts';

/** Where a viewer's events go. `write` answers the bytes that wait to be sent. */
export interface ViewerSink {
  write(text: string): number;
  end(): void;
}

export interface ViewerFilter {
  readonly applicationId: string;
  readonly kind?: string;
  readonly id?: string;
}

interface Viewer extends ViewerFilter {
  readonly caller: Caller;
  readonly sink: ViewerSink;
}

/** A comment this often keeps proxies from closing a quiet stream, ms. */
export const HEARTBEAT_MS = 15_000;
/** A viewer with more than this waiting reads too slowly and is dropped, bytes: it can come back and goes on from then. */
export const MAX_WAITING = 1024 * 1024;
export const MAX_VIEWERS = 1_000;

/** Everybody who watches; one subscription on the bus feeds them all. */
export class Viewers {
  readonly #byApplication = new Map<string, Set<Viewer>>();
  #count = 0;
  #closed = false;

  /** `onCount` learns how many watch, at each change. */
  constructor(
    private readonly now: () => number,
    private readonly onCount: (count: number) => void = () => undefined,
  ) {}

  /** Adds a viewer and returns how to remove it; undefined when there are too many, or none are taken any more. */
  add(caller: Caller, filter: ViewerFilter, sink: ViewerSink): (() => void) | undefined {
    if (this.#closed || this.#count >= MAX_VIEWERS) return undefined;
    const viewer: Viewer = { ...filter, caller, sink };
    const viewers = this.#byApplication.get(filter.applicationId) ?? new Set();
    viewers.add(viewer);
    this.#byApplication.set(filter.applicationId, viewers);
    this.onCount((this.#count += 1));
    sink.write(': connected\n\n');
    return () => this.#remove(viewer);
  }

  /** Passes one activity on to those who watch it. */
  show(activity: Activity): void {
    const viewers = this.#byApplication.get(activity.applicationId);
    if (viewers === undefined) return;
    let text: string | undefined;
    for (const viewer of viewers) {
      if (viewer.kind !== undefined && viewer.kind !== activity.kind) continue;
      if (viewer.id !== undefined && viewer.id !== activity.id) continue;
      text ??= `event: ${activity.kind}\ndata: ${JSON.stringify(activity)}\n\n`;
      this.#write(viewer, text);
    }
  }

  /** Keeps quiet streams open, and ends those whose token has expired. */
  heartbeat(): void {
    for (const viewer of this.#all()) this.#write(viewer, ': still here\n\n');
  }

  /** Ends the streams of a token (revoked), or of an application (deleted). */
  drop(gone: { readonly tokenId?: string; readonly applicationId?: string }): void {
    for (const viewer of this.#all())
      if (viewer.caller.tokenId === gone.tokenId || viewer.applicationId === gone.applicationId) this.#end(viewer);
  }

  /** Ends all streams and takes no new ones. */
  close(): void {
    this.#closed = true;
    for (const viewer of this.#all()) this.#end(viewer);
  }

  #all(): Viewer[] {
    return [...this.#byApplication.values()].flatMap((viewers) => [...viewers]);
  }

  #write(viewer: Viewer, text: string): void {
    const { expiresAt } = viewer.caller;
    if (expiresAt !== undefined && expiresAt <= this.now()) return this.#end(viewer);
    if (viewer.sink.write(text) > MAX_WAITING) this.#end(viewer);
  }

  #end(viewer: Viewer): void {
    this.#remove(viewer);
    viewer.sink.end();
  }

  #remove(viewer: Viewer): void {
    const viewers = this.#byApplication.get(viewer.applicationId);
    if (viewers?.delete(viewer) !== true) return;
    this.onCount((this.#count -= 1));
    if (viewers.size === 0) this.#byApplication.delete(viewer.applicationId);
  }
}
