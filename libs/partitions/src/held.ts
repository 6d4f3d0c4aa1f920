import type { Position } from '#lib/messaging';
import type { Feed } from './feed.ts';
import type { Lease } from './ownership.ts';
import type { Progress } from './progress.ts';

/** What the reader keeps of a partition it holds. */
export interface Held<M, E> {
  readonly lease: Lease;
  readonly progress: Progress<E>;
  /** Version of the row in `positions`: each commit compares and raises it. */
  version: number;
  /** Being released: nothing more is delivered. */
  closing: boolean;
  /** Lost: nothing of it is committed. */
  gone: boolean;
  purged: Position;
  /** How often it was asked since the last purge how far may be purged, and whether that will be asked again. */
  askedInVain: number;
  asking: NodeJS.Timeout | undefined;
  /** Delivered and not finished. */
  bytes: number;
  /** Delivered, not finished, and not at rest. */
  busy: number;
  /** While it is behind: its own consumer, once there is room for one, and the last position that the shared one passed over. */
  lag: { feed: Feed<M> | undefined; ignored: Position } | undefined;
  /** Called when nothing is busy any more. */
  onIdle: (() => void) | undefined;
}
