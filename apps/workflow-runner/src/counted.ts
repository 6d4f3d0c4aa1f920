import type { StoredTriggered } from '#lib/messaging';
import type { Poison } from '#lib/partitions';
import type { CountedRun, RunKind, RunOutcome } from './persistence/run-counts.ts';

const kindOf = (inboundType: string | undefined, triggerType: string | undefined): RunKind =>
  inboundType === 'message' ? 'message' : triggerType === 'virtualButton' ? 'press' : 'event';

/** What a run that has ended counts as. */
export const countedAs = ({ applicationId, triggerType, inbound }: StoredTriggered, outcome: RunOutcome, attempt: number): CountedRun => ({
  applicationId,
  sourceId: inbound.sourceId,
  kind: kindOf(inbound.type, triggerType),
  outcome,
  restarts: attempt - 1,
});

/** What a stored message that can't be read counts as. Dispatch has counted it for its source: that is looked for in what can be read of it. */
export function countedPoison({ subject, headers }: Poison): CountedRun {
  const [, , applicationId = '-', workflowId = '-'] = subject.split('.');
  const [, , sourceId = workflowId] = headers['ce-inboundsource']?.split('/') ?? [];
  const kind = kindOf(headers['ce-inboundtype'], headers['ce-triggertype']);
  return { applicationId, sourceId, kind, outcome: 'deadLettered', restarts: 0 };
}
