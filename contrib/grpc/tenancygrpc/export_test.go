package tenancygrpc

// AnswerCodes are the codes of all outcomes.
var AnswerCodes = answerCodes
