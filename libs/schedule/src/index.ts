export { firingAfter, scheduleIssue, type Schedule, type ScheduleIssue, scheduleOf } from './schedule.ts';
