import type { FieldIssue, TriggerState } from '#lib/contracts';
import { runsHere } from './flow-errors.ts';

/** The classes of workflows that a trigger may stand in; of any other type: all. */
const CLASSES_OF: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['integration', new Set(['cloud'])],
  ['timer', new Set(['cloud', 'edge', 'embedded'])],
]);

/** Between two firings of a timer here; a device may fire more often. */
const MIN_SECONDS = 1;

/** Triggers that a workflow of that class can't have, and timers that would fire more often than they may here. */
export const classIssues = (flowClass: string, triggers: readonly TriggerState[]): FieldIssue[] =>
  triggers.flatMap(({ type, config }, index): FieldIssue[] => {
    if (CLASSES_OF.get(type)?.has(flowClass) === false)
      return [{ path: ['triggers', index, 'type'], message: `is not valid in a workflow of the class ${flowClass}` }];
    const seconds = type === 'timer' && runsHere({ flowClass }) ? config?.['seconds'] : undefined;
    if (typeof seconds === 'number' && seconds < MIN_SECONDS)
      return [{ path: ['triggers', index, 'config', 'seconds'], message: `must be at least ${MIN_SECONDS}` }];
    return [];
  });
