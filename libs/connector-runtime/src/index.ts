export { type ConnectorRuntime, type RuntimeOptions, startRuntime } from './runtime.ts';
