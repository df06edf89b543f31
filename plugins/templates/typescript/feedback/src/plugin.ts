// Feedback: sections for the report, on what people said and on how often it
// went wrong before.
import type { FeedbackRequest, Section } from 'baepo:hooks/feedback@0.1.0';
import { answering } from './engine.js';
import { respond } from './sections.js';

export const feedback = {
  respond: answering((request: FeedbackRequest): Section[] => respond(request)),
};
