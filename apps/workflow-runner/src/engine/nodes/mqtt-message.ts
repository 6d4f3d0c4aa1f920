import { z } from 'zod';
import type { NodeType } from '../node.ts';
import { render, renderRequired, requiredTemplate, template } from './config.ts';
import { integrationOf, requireSent } from './output.ts';

const Config = z.looseObject({
  integrationId: requiredTemplate,
  topicTemplate: requiredTemplate,
  messageTemplate: template,
  /** Ours; 0 when absent. */
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)], 'must be 0, 1 or 2').optional(),
  retain: z.boolean('must be true or false').optional(),
});

/** Publishes to an MQTT topic; queued while the broker can't be reached. A failure throws. */
export const mqttMessage: NodeType<z.infer<typeof Config>> = {
  type: 'MqttMessageNode',
  config: Config,
  action:
    ({ integrationId, topicTemplate, messageTemplate, qos = 0, retain = false }) =>
    (step) => {
      const integration = integrationOf(step, integrationId, 'mqtt');
      const topic = renderRequired(step, 'topicTemplate', topicTemplate);
      const payload = render(step, messageTemplate);
      const outcome = { payload: step.payload, output: 0 };
      return step.ports.send({ id: step.outputId, integration, options: { topic, qos, retain }, payload }).then((reply) => {
        requireSent({ integration }, reply);
        return outcome;
      });
    },
};
