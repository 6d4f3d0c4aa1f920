export * from './check.ts';
export { MASK, isTemplate } from './fields.ts';
export { parseKeyFile } from './google-pubsub/key-file.ts';
export * from './marks.ts';
export * from './merge.ts';
export { type MqttConfig, type MqttSend } from './mqtt/config.ts';
export { topicFilterIssue, topicIssue, topicMatches } from './mqtt/topic-filter.ts';
export { definitionOf, definitions } from './registry.ts';
