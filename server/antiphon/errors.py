"""The one tree of errors. An error's text is read by the person who caused it: it says what to do next."""

from __future__ import annotations


class AntiphonError(Exception):
    """Something the user can act on. `code` is stable and goes out in `/antiphon/error`; `http_status` over HTTP."""

    code = "internal"
    http_status = 500

    @property
    def message(self) -> str:
        return str(self)


class InvalidRequest(AntiphonError):
    """The request's form or values are wrong; nothing was started."""

    code = "invalid"
    http_status = 400


class UnknownKey(InvalidRequest):
    """An argument key that the command does not have; the text names the nearest known one."""

    code = "unknown_key"


class WrongType(InvalidRequest):
    """An argument of a type that the command does not take there."""

    code = "wrong_type"


class OutOfRange(InvalidRequest):
    """A value outside what is musically or technically possible, or not finite."""

    code = "out_of_range"


class LimitExceeded(InvalidRequest):
    """A value or a queue beyond a limit set in the settings; the text names the setting."""

    code = "limit"
    http_status = 429


class UnknownAddress(InvalidRequest):
    """No such command."""

    code = "unknown_address"
    http_status = 404


class MalformedPacket(InvalidRequest):
    """Bytes that are not OSC, or OSC beyond our bounds of size and depth."""

    code = "malformed"


class Unauthorized(AntiphonError):
    """The server has a token, and this client has not shown it."""

    code = "unauthorized"
    http_status = 401


class Forbidden(AntiphonError):
    """A web page of another site tried to use this server through its visitor's browser."""

    code = "forbidden"
    http_status = 403


class NotFound(AntiphonError):
    """An id that names nothing here."""

    code = "not_found"
    http_status = 404


class Conflict(AntiphonError):
    """The id was already used for something else, or the thing is not in a state that allows this."""

    code = "conflict"
    http_status = 409


class Cancelled(AntiphonError):
    """The job was cancelled by its owner."""

    code = "cancelled"
    http_status = 409


class QualityRejected(AntiphonError):
    """Every attempt was found broken by measurement, so nothing was delivered."""

    code = "quality"
    http_status = 500


class BackendFailed(AntiphonError):
    """The model could not be loaded or failed while generating."""

    code = "backend"
    http_status = 503


class WorkerLost(AntiphonError):
    """The job's worker died repeatedly on it; the job was set aside."""

    code = "worker_lost"
    http_status = 500


class LearnerAway(AntiphonError):
    """The learner process has no answer now; plain means stand in for what it would have said."""

    code = "learner"
    http_status = 503


class StorageFailed(AntiphonError):
    """The data folder is full, unwritable or damaged."""

    code = "storage"
    http_status = 507


class SettingsError(AntiphonError):
    """A setting is misspelt, of the wrong type or out of range; names the file, the line's key and the nearest one."""

    code = "settings"


class StartupError(AntiphonError):
    """The server cannot start here (port in use, folder not writable, …)."""

    code = "startup"
