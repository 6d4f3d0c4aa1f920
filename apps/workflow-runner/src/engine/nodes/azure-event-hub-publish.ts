import { z } from 'zod';
import type { NodeType, Outcome, Step } from '../node.ts';
import { attributeMethod, attributeRows, attributesOf } from './attributes.ts';
import { dataFields, path, render, template } from './config.ts';
import { integrationOf, reported, throughIntegration } from './output.ts';
import { dataOf, textOf, withResult } from './payload.ts';

const Config = z
  .looseObject({
    integrationId: template,
    partitionKeyTemplate: template,
    ...dataFields,
    propMethod: attributeMethod,
    propFields: attributeRows,
    propTemplate: template,
    propPayloadPath: path,
    resultPath: path,
  })
  .superRefine(throughIntegration('credentialNameTemplate', 'hostNameTemplate', 'connectionString', 'hubName'));
type Config = z.infer<typeof Config>;

/** Publishes to the integration's hub; never queued here. What Event Hubs says, good or bad, is the result. */
export const azureEventHubPublish: NodeType<Config> = {
  type: 'AzureEventHubPublishNode',
  config: Config,
  action: (config) => (step) => publish(step, config),
};

async function publish(step: Step, config: Config): Promise<Outcome> {
  const integration = integrationOf(step, config.integrationId, 'azureEventHub');
  const payload = dataOf(step, config);
  const partitionKey = render(step, config.partitionKeyTemplate);
  const properties = attributesOf(step, {
    method: config.propMethod,
    rows: config.propFields,
    template: ['propTemplate', config.propTemplate],
    path: ['propPayloadPath', config.propPayloadPath],
  }).map(([name, value]) => [name, propertyOf(value)] as const);
  const options = {
    ...(partitionKey === '' ? {} : { partitionKey }),
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
  };
  const reply = await step.ports.send({ id: step.outputId, integration, options, payload });
  const error = reported(step, integration.id, reply, config.resultPath);
  return withResult(
    step,
    config.resultPath,
    error === undefined ? { success: true } : { success: false, error: { message: error.message } },
  );
}

/** Numbers, booleans and null keep their type; everything else is text. */
const propertyOf = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'boolean' || value === null ? value : textOf(value);
