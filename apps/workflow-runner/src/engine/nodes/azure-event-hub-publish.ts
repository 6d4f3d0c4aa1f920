import { z } from 'zod';
import type { NodeType, Outcome, Step } from '../node.ts';
import { attributeMethod, attributeRows, attributesOf } from './attributes.ts';
import { dataFields, path, render, template } from './config.ts';
import { reported } from './output.ts';
import { authenticates, named, renderGiven, wayOf } from './own-access.ts';
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
    credentialNameTemplate: template,
    hostNameTemplate: template,
    connectionString: template,
    hubName: template,
  })
  .superRefine(authenticates('AzureEventHubPublishNode'));
type Config = z.infer<typeof Config>;

const OWN = { hubName: 'hubName', hostName: 'hostNameTemplate', connectionString: 'connectionString' } as const;
/** A configuration names one; every hub has this, and nothing is read. */
const NO_GROUP = '$Default';

/** Publishes to a hub; never queued here. What Event Hubs says, good or bad, is the result. */
export const azureEventHubPublish: NodeType<Config> = {
  type: 'AzureEventHubPublishNode',
  config: Config,
  action: (config) => (step) => publish(step, config),
};

async function publish(step: Step, config: Config): Promise<Outcome> {
  const way = wayOf(step, config.integrationId, 'azureEventHub', () => ({
    ...named(step, config.credentialNameTemplate),
    config: { ...renderGiven(step, config, OWN), consumerGroup: NO_GROUP },
  }));
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
  const reply = await step.ports.send({ id: step.outputId, ...way, options, payload });
  const error = reported(step, way, reply, config.resultPath);
  return withResult(
    step,
    config.resultPath,
    error === undefined ? { success: true } : { success: false, error: { message: error.message } },
  );
}

/** Numbers, booleans and null keep their type; everything else is text. */
const propertyOf = (value: unknown): unknown =>
  typeof value === 'number' || typeof value === 'boolean' || value === null ? value : textOf(value);
