import type { Position } from '#lib/messaging';
import type { PartitionReader, PartitionReaderOptions } from './reader-types.ts';

/** Makes a reader that holds nothing yet: give its `take`, `release` and `lose` to {@link own}. */
export function createPartitionReader<M extends { readonly position: Position; readonly body: Uint8Array }, E>(
  _options: PartitionReaderOptions<M, E>,
): PartitionReader {
  throw new Error('in progress');
}
