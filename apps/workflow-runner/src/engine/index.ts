import type { ApplicationState, TriggeredEvent } from '#lib/contracts';
import { scopesHearing } from '#lib/domain';
import type { CompiledWorkflow, Started } from './compile.ts';
import { envelope, envelopeSize } from './envelope.ts';
import { NodeError, runErrorOf } from './errors.ts';
import type { Globals } from './globals.ts';
import type { Ports } from './node.ts';
import { run, type RunResult } from './run.ts';
import { MAX_PAYLOAD, PayloadSize } from './size.ts';

export { compileWorkflow, type CompiledWorkflow } from './compile.ts';
export { mergedGlobals, type Globals } from './globals.ts';
export { NodeError } from './errors.ts';
export type { HttpAnswer, HttpCall } from './http.ts';
export type { DebugEntry, Kept, KeptChange, KnownIntegration, Output, OutputReply, Ports, RunRecord } from './node.ts';
export type { RunResult } from './run.ts';
export { createSandbox } from './sandbox/sandbox.ts';
export { sizeOf } from './size.ts';
export { createValidator } from './validation/validator.ts';

/** Everything of the configuration that a run uses. */
export interface Runnable {
  readonly workflow: CompiledWorkflow;
  readonly application: ApplicationState;
  readonly globals: Globals;
}

/** Runs what an event started. `done` is called once; `runnable` undefined: the workflow is gone, which fails the run by name. */
export function startRun(event: TriggeredEvent, runnable: Runnable | undefined, ports: Ports, done: (result: RunResult) => void): void {
  const refuse = (error: NodeError): void => {
    const now = ports.now();
    done({ status: 'failed', error: runErrorOf(error), startedAt: now, endedAt: now });
  };
  if (runnable === undefined) return refuse(new NodeError('WorkflowNotFound', `workflow ${event.workflowId} does not exist any more`));
  const { workflow, application, globals } = runnable;
  const started = startedBy(event, workflow);
  if (started === undefined) return refuse(new NodeError('TriggerNotFound', 'the trigger that started this run does not exist any more'));
  const names = { applicationName: application.name, flowName: workflow.state.name, flowVersion: workflow.state.defaultVersion?.version };
  const info = { id: event.id, applicationId: event.applicationId, flowId: event.workflowId };
  const payload = envelope(event, started.trigger, names, globals);
  run(info, started.nodes, payload, new PayloadSize(envelopeSize(event, globals), MAX_PAYLOAD + globals.size), ports, done);
}

function startedBy({ triggerType, triggerKey, inbound }: TriggeredEvent, workflow: CompiledWorkflow): Started | undefined {
  if (triggerType !== 'flowError') return workflow.started(triggerType, triggerKey, triggerType === 'integration' ? inbound.type : '');
  const erring = { flowId: inbound.sourceId, flowClass: String(inbound.attributes['flowClass']) };
  const all = scopesHearing(workflow.state.id, erring).flatMap((scope) => workflow.started('flowError', '', scope) ?? []);
  const [first] = all;
  return first === undefined ? undefined : { trigger: first.trigger, nodes: all.flatMap(({ nodes }) => nodes) };
}
