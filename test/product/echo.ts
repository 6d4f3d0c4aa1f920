/** A product's API: {@link Product}, or the services of {@link Services}. */
export interface Caller {
  call<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
}

export interface EchoOptions {
  /** `mqttConfig` of the integration. */
  readonly mqttConfig: Record<string, unknown>;
  readonly topics: readonly string[];
  /** Topic the answers go to. */
  readonly answerTopic: string;
  /** Template of an answer; `{"echo": <message>}` by default. */
  readonly answer?: string;
  /** The application's plan; the throttle is lifted by default. */
  readonly limits?: Record<string, unknown>;
}

export interface Echo {
  readonly applicationId: string;
  readonly integrationId: string;
  readonly flowId: string;
  ledger(): Promise<LedgerAnswer>;
  state(): Promise<string>;
}

export interface LedgerAnswer {
  readonly received: number;
  readonly dispatched: number;
  readonly unmatched: number;
  readonly rejectedByQuota: number;
  readonly disabled: number;
  readonly deadLettered: number;
  readonly inFlight: number;
  readonly unexplained: number;
  readonly beside: {
    readonly redelivered: number;
    readonly restarted: number;
    readonly oversize: number;
    readonly gaps: readonly unknown[];
  };
  readonly runs: {
    readonly triggered: number;
    readonly succeeded: number;
    readonly failed: number;
    readonly deadLettered: number;
    readonly inFlight: number;
  };
}

/** An application whose one workflow answers every MQTT message with `{"echo": <message>}`: MQTT → Mutate → MQTT. */
export async function makeEcho(product: Caller, options: EchoOptions): Promise<Echo> {
  const application = await product.call<{ id: string }>('POST', '/applications', {
    name: 'Echo',
    limits: options.limits ?? { messagesPerSecond: 0, burst: 0 },
  });
  const base = `/applications/${application.id}`;
  const integration = await product.call<{ id: string }>('POST', `${base}/integrations`, {
    name: 'Broker',
    integrationType: 'mqtt',
    topics: options.topics,
    mqttConfig: options.mqttConfig,
  });
  const flow = await product.call<{ id: string }>('POST', `${base}/flows`, echoFlow(integration.id, options.answerTopic, options.answer));
  return {
    applicationId: application.id,
    integrationId: integration.id,
    flowId: flow.id,
    ledger: () => product.call<LedgerAnswer>('GET', `${base}/integrations/${integration.id}/ledger`),
    state: async () => {
      const read = await product.call<{ status?: { state?: string } }>('GET', `${base}/integrations/${integration.id}`);
      return read.status?.state ?? 'absent';
    },
  };
}

/** MQTT → Mutate → MQTT, in the wire format of workflows. */
export const echoFlow = (integrationId: string, answerTopic: string, answer = '{"echo": {{working.echo}} }'): Record<string, unknown> => ({
  name: 'Echo',
  triggers: [
    {
      type: 'integration',
      key: integrationId,
      config: { message: true },
      meta: { category: 'trigger', name: 'mqtt', label: 'In' },
      outputIds: [['set']],
    },
  ],
  nodes: [
    {
      id: 'set',
      type: 'MutateNode',
      config: { rules: [{ type: 'set', valueTemplate: '{{data.message}}', valueTemplateType: 'json', destination: 'working.echo' }] },
      meta: { category: 'logic', name: 'mutate', label: 'Set' },
      outputIds: [['answer']],
    },
    {
      id: 'answer',
      type: 'MqttMessageNode',
      config: { integrationId, topicTemplate: answerTopic, messageTemplate: answer, qos: 1 },
      meta: { category: 'output', name: 'mqtt', label: 'Answer' },
      outputIds: [[]],
    },
  ],
});
