export * from './env.ts';
export * from './health-server.ts';
export * from './logging.ts';
export * from './metrics.ts';
export * from './readiness.ts';
export * from './shutdown.ts';
export { runService, type ServiceSettings } from './service-process.ts';
