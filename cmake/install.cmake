# `make install`: programs, systemd unit, man pages, bash completion, example configuration.

install(TARGETS relaisd RUNTIME DESTINATION ${CMAKE_INSTALL_SBINDIR})
install(TARGETS relais RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# The unit names the program's path, which is known only when the prefix is: at installation.
install(CODE "
  set(RELAIS_SBINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_SBINDIR}\")
  configure_file(${PROJECT_SOURCE_DIR}/packaging/relaisd.service.in ${PROJECT_BINARY_DIR}/relaisd.service @ONLY)")
install(FILES ${PROJECT_BINARY_DIR}/relaisd.service DESTINATION lib/systemd/system)

foreach(section 1 5 8)
  file(GLOB pages CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/docs/man/*.${section})
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()
install(FILES ${PROJECT_SOURCE_DIR}/docs/examples/relais.toml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES ${PROJECT_SOURCE_DIR}/daemon/cli/completion/relais.bash RENAME relais
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
