import type { ApplicationState, IntegrationState, NodeState, TriggeredEvent, TriggerState, WorkflowState } from '#lib/contracts';

/** States and events for tests of runs. Every id is fixed, so that a test reads what it means. */
export const APPLICATION = '0a0000000000000000000001';
export const INTEGRATION = '0b0000000000000000000001';
export const WORKFLOW = '0c0000000000000000000001';

const dates = { creationDate: '2026-01-01T00:00:00.000Z', lastUpdated: '2026-01-01T00:00:00.000Z' };

export const application = (changes: Partial<ApplicationState> = {}): ApplicationState => ({
  id: APPLICATION,
  name: 'Plant',
  globals: [],
  secretGlobals: [],
  limits: { messagesPerSecond: 20, burst: 20, payloads: 0, period: 'month' },
  ...dates,
  ...changes,
});

export const integration = (changes: Partial<IntegrationState> = {}): IntegrationState => ({
  id: INTEGRATION,
  applicationId: APPLICATION,
  name: 'Broker',
  enabled: true,
  integrationType: 'mqtt',
  topics: ['in/#'],
  config: {},
  ...dates,
  ...changes,
});

export const trigger = (outputs: string[], changes: Partial<TriggerState> = {}): TriggerState => ({
  type: 'integration',
  key: INTEGRATION,
  config: { message: true },
  outputIds: [outputs],
  ...changes,
});

/** A node whose outputs are lists of ids. */
export const node = (id: string, type: string, config: Record<string, unknown> = {}, ...outputIds: string[][]): NodeState => ({
  id,
  type,
  config,
  outputIds,
});

/** The node `data`: what comes after it finds this at `data`. */
export const given = (data: unknown, ...next: string[]): NodeState =>
  node(
    'data',
    'MutateNode',
    { rules: [{ type: 'set', valueTemplateType: 'json', valueTemplate: JSON.stringify(data), destination: 'data' }] },
    next,
  );

/** A workflow that starts at its first node on each message. */
export const workflow = (nodes: NodeState[], changes: Partial<WorkflowState> = {}): WorkflowState => ({
  id: WORKFLOW,
  applicationId: APPLICATION,
  name: 'Convert',
  enabled: true,
  flowClass: 'cloud',
  triggers: [trigger(nodes[0] === undefined ? [] : [nodes[0].id])],
  nodes,
  globals: [],
  extra: {},
  ...dates,
  ...changes,
});

/** The start of a run by an MQTT message. */
export function triggered(changes: Partial<TriggeredEvent> = {}, inbound: Partial<TriggeredEvent['inbound']> = {}): TriggeredEvent {
  const applicationId = changes.applicationId ?? APPLICATION;
  return {
    id: 'run-1',
    applicationId,
    workflowId: WORKFLOW,
    triggerType: 'integration',
    triggerKey: INTEGRATION,
    inbound: {
      type: 'message',
      id: 'event-1',
      applicationId,
      sourceId: INTEGRATION,
      sourceType: 'mqtt',
      time: '2026-02-03T04:05:06.007Z',
      number: 1,
      configSequence: 1,
      attributes: { topic: 'in/a' },
      ...inbound,
    },
    inboundSequence: 1,
    decidedAt: 0,
    body: Buffer.from('21.5'),
    ...changes,
  };
}
