// Gives the class of the errors that have a code and a status.
class EnfyraError extends Error {
  constructor({ code, message, status, details, hint }) {
    super(message);
    Object.assign(this, { code, statusCode: status, details });
    shared.errors.set(this, { code, status, details, hint });
  }
}
shared.hidden(EnfyraError.prototype, "name", "EnfyraError");
return EnfyraError;
