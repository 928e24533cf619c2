// The cache.
return shared.part("requests").asks(
  "cache.", ["get", "set", "setNoExpire", "exists", "deleteKey", "acquire", "release"], "$cache");
