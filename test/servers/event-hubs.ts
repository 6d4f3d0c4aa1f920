export { EVENT_HUBS_KEY, type EventHubsServer, startEventHubs } from './event-hubs/server.ts';
