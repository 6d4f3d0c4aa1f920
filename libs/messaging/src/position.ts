import type { Position } from './types.ts';

/**
 * A position is the sequence of the stored message for now. Frames (several messages in one stored message) will add an index, here and nowhere else.
 */
export const positionOf = (sequence: number): Position => sequence;

/** The first stored sequence a reader must ask for to see everything beyond a position. */
export const startAfter = (position: Position): number => position + 1;

/** The last stored sequence whose messages are all at or before a position. */
export const coveredSequence = (position: Position): number => position;
